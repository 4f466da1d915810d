//! One analysis from request to result: a remembered answer or a panel, then its place in the store and in the ledger.
//! Both APIs call this; it knows neither.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::{
    bill::Bill,
    cache::{self, Flight, Key, Lookup, Tier},
    config,
    domain::{Account, AnalysisId, ApiKeyId, ModelId, Operation, Outcome, Prompt, Usage, UserId},
    health::Dependency,
    ledger::{self, Full, Ledger, NotRecorded},
    limits::{Allowance, Refused, Reservation},
    llm::{Provider, Sampling},
    panel::{self, Event, Failure, LeftOut, Plan, Progress, StageReport, Verdict},
    store::{self, Page, Store},
};

/// The part of its time that a request spends waiting for an equal one: what is left must do for a panel of its own.
const PATIENCE: f64 = 0.5;

/// What is asked.
#[derive(Clone)]
pub struct Question {
    /// Who asks.
    pub account: Account,
    /// The API key that was used, where one was.
    pub key: Option<ApiKeyId>,
    /// What they may use for it.
    pub allowance: Allowance,
    /// The question itself.
    pub prompt: Prompt,
    /// Whether a remembered answer will do.
    pub use_cache: bool,
    /// The longest final answer, where less than the panel's own bound is wanted.
    pub max_answer_tokens: Option<u32>,
    /// How the models choose their words.
    pub sampling: Sampling,
    /// Texts at which the final answer ends.
    pub stop: Vec<String>,
}

impl Question {
    /// A question with nothing special about it.
    pub fn new(prompt: Prompt, account: Account, allowance: Allowance) -> Self {
        Self {
            account,
            key: None,
            allowance,
            prompt,
            use_cache: true,
            max_answer_tokens: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Analysis {
    /// The name under which it can be read again.
    pub id: AnalysisId,
    /// When it was asked.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: OffsetDateTime,
    /// The question.
    pub prompt: Prompt,
    /// The final answer.
    pub answer: String,
    /// The members of the panel.
    pub models: Vec<ModelId>,
    /// Who wrote the final answer; nobody where it is a member's own.
    pub synthesizer: Option<ModelId>,
    /// Whether the final answer is one member's, because nobody could write it from all of them.
    pub degraded: bool,
    /// Whether the final answer met the bound of its length.
    pub truncated: bool,
    /// Whether the answer is a remembered one.
    pub cached: bool,
    /// Which cache remembered it.
    pub cache: Option<Tier>,
    /// Whether it can be read again. While the database is lost, answers are given all the same.
    pub stored: bool,
    /// What it took: nothing, where it was remembered.
    pub usage: Usage,
    /// How long it took.
    pub duration_ms: u64,
    /// Who failed or was late.
    pub left_out: Vec<LeftOut>,
    /// Every answer of every stage, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageReport>,
}

/// What an analysis tells on its way.
#[derive(Debug)]
pub enum Update {
    /// Something has happened.
    Event(Event),
    /// It is done; nothing follows.
    Completed(Box<Analysis>),
    /// Too few models answered; nothing follows.
    Failed(Failure),
    /// There is an answer, but no record of it, so that it must not go out; nothing follows.
    NotRecorded,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller has reached a limit.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Too few models answered.
    #[error(transparent)]
    TooFewModels(Failure),
    /// There is no room for the record of another request.
    #[error(transparent)]
    LedgerFull(#[from] Full),
    /// There is an answer, but no record of it, so that it must not go out.
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    /// The panel ended with neither verdict nor failure, which it must not.
    #[error("the panel ended without a result")]
    NoResult,
}

/// What the cache keeps of an analysis.
#[derive(Serialize, Deserialize)]
struct Remembered {
    answer: String,
    synthesizer: Option<ModelId>,
    truncated: bool,
    stages: Vec<StageReport>,
}

/// All that decides about an answer.
#[derive(Serialize)]
struct CanonicalRequest<'a> {
    prompt: &'a Prompt,
    models: &'a [ModelId],
    synthesizer: &'a ModelId,
    min_models: usize,
    max_output_tokens: u32,
    max_answer_tokens: u32,
    sampling: Sampling,
    stop: &'a [String],
    prompts: String,
}

/// Answers questions, and finds the answers again.
#[derive(Clone)]
pub struct Analyses {
    /// Which models answer.
    pub panel: config::Panel,
    /// Where they are.
    pub provider: Arc<dyn Provider>,
    /// Where answers are kept.
    pub store: Arc<dyn Store>,
    /// Whether the store is known to be lost.
    pub database: Arc<Dependency>,
    /// What every request uses.
    pub ledger: Ledger,
    /// Where answers are remembered.
    pub cache: cache::Tiered,
    /// For how long.
    pub cache_ttl: Duration,
}

impl Analyses {
    /// Answers a question, step by step. Dropping the stream cancels every call that is under way. What is not
    /// remembered counts as a panel; where that is too much, or where there is no room for the record of what it will
    /// use, it does not begin.
    pub async fn run(&self, question: Question) -> Result<impl Stream<Item = Update> + Send + use<>, Error> {
        let this = self.clone();
        let started = Instant::now();
        let mut analysis = this.blank(&question);
        let mut plan = this.plan(&question);
        let key = if question.use_cache {
            this.key(question.account, &plan)
        } else {
            None
        };
        let remembered = this.remembered(key.as_ref()).await;
        let reservation = match &remembered {
            Some(_) => Reservation::nothing(),
            None => question.allowance.panel(|| panel::worst_case(&plan)).await?,
        };
        let bill = this.open_bill(&question, analysis.id, reservation).await?;
        Ok(async_stream::stream! {
            yield Update::Event(Event::AnalysisStarted {
                id: analysis.id,
                models: plan.members.clone(),
                synthesizer: plan.synthesizer.clone(),
            });
            let (remembered, flight) = match remembered {
                Some(remembered) => (Some(remembered), None),
                None => this.look_up(key.as_ref(), plan.deadline.mul_f64(PATIENCE)).await,
            };
            if let Some((remembered, tier)) = remembered {
                bill.set_cached();
                analysis.take_remembered(remembered, tier);
            } else {
                plan.deadline = plan.deadline.saturating_sub(started.elapsed());
                let mut progress = Box::pin(panel::run(plan, bill.metering(Arc::clone(&this.provider))));
                loop {
                    match progress.next().await {
                        Some(Progress::Event(event)) => {
                            log(&event, analysis.id);
                            yield Update::Event(event);
                        }
                        Some(Progress::Finished(Ok(verdict))) => {
                            analysis.take_verdict(verdict);
                            break;
                        }
                        Some(Progress::Finished(Err(failure))) => {
                            if let Some(flight) = flight {
                                flight.land_alone();
                            }
                            // The answer is an error, whether that is recorded or not.
                            let _ = bill.finish(Outcome::Failed).await;
                            yield Update::Failed(failure);
                            return;
                        }
                        None => return,
                    }
                }
                if let Some(flight) = flight {
                    this.remember(flight, &analysis).await;
                }
            }
            analysis.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            analysis.stored = this.save(&analysis, question.account).await;
            yield match bill.finish(Outcome::Completed).await {
                Ok(()) => Update::Completed(Box::new(analysis)),
                Err(NotRecorded) => Update::NotRecorded,
            };
        })
    }

    /// Answers a question, and waits for the end.
    pub async fn ask(&self, question: Question) -> Result<Analysis, Error> {
        let mut updates = Box::pin(self.run(question).await?);
        while let Some(update) = updates.next().await {
            match update {
                Update::Completed(analysis) => return Ok(*analysis),
                Update::Failed(failure) => return Err(Error::TooFewModels(failure)),
                Update::NotRecorded => return Err(Error::NotRecorded(NotRecorded)),
                Update::Event(_) => {}
            }
        }
        Err(Error::NoResult)
    }

    /// Finds an account's analysis.
    pub async fn find(&self, id: AnalysisId, account: Account) -> Result<Option<Analysis>, store::Error> {
        self.store_at_hand()?.analysis(id, account).await
    }

    /// Finds a user's analyses, the newest first, without the answers of their stages.
    pub async fn list(&self, user: UserId, page: Page<AnalysisId>) -> Result<Vec<Analysis>, store::Error> {
        self.store_at_hand()?.analyses(user, page).await
    }

    /// Removes an account's analysis. False: there is none.
    pub async fn delete(&self, id: AnalysisId, account: Account) -> Result<bool, store::Error> {
        self.store_at_hand()?.delete_analysis(id, account).await
    }

    /// Nobody waits for a store that is known to be lost.
    fn store_at_hand(&self) -> Result<&dyn Store, store::Error> {
        if self.database.is_down() {
            return Err(store::Error::Timeout);
        }
        Ok(&*self.store)
    }

    async fn open_bill(
        &self,
        question: &Question,
        analysis: AnalysisId,
        reservation: Reservation,
    ) -> Result<Bill, Full> {
        let request = ledger::Request {
            account: question.account,
            key: question.key,
            operation: Operation::Panel,
            analysis: Some(analysis),
        };
        Bill::open(&self.ledger, request, reservation).await
    }

    fn plan(&self, question: &Question) -> Plan {
        let config::Panel {
            models,
            synthesizer,
            min_models,
            deadline,
            max_output_tokens,
        } = self.panel.clone();
        let asked = question.max_answer_tokens.unwrap_or(u32::MAX);
        Plan {
            prompt: question.prompt.clone(),
            members: models,
            synthesizer,
            min_models,
            max_output_tokens,
            max_answer_tokens: max_output_tokens.min(asked),
            sampling: question.sampling,
            stop: question.stop.clone(),
            deadline,
        }
    }

    fn blank(&self, question: &Question) -> Analysis {
        Analysis {
            id: AnalysisId::generate(),
            created_at: now(),
            prompt: question.prompt.clone(),
            answer: String::new(),
            models: self.panel.models.clone(),
            synthesizer: None,
            degraded: false,
            truncated: false,
            cached: false,
            cache: None,
            stored: false,
            usage: Usage::default(),
            duration_ms: 0,
            left_out: Vec::new(),
            stages: Vec::new(),
        }
    }

    fn key(&self, account: Account, plan: &Plan) -> Option<Key> {
        let Plan {
            prompt,
            members,
            synthesizer,
            min_models,
            max_output_tokens,
            max_answer_tokens,
            sampling,
            stop,
            ..
        } = plan;
        let request = CanonicalRequest {
            prompt,
            models: members,
            synthesizer,
            min_models: *min_models,
            max_output_tokens: *max_output_tokens,
            max_answer_tokens: *max_answer_tokens,
            sampling: *sampling,
            stop,
            prompts: panel::prompts_fingerprint(),
        };
        Key::analysis(account, &request).ok()
    }

    /// A remembered answer. Who waits for an equal request to work one out looks it up.
    async fn remembered(&self, key: Option<&Key>) -> Option<(Remembered, Tier)> {
        let hit = self.cache.find(key?).await?;
        readable(&hit)
    }

    /// A remembered answer, or one that an equal request has just worked out; else the leave to work it out.
    async fn look_up(
        &self,
        key: Option<&Key>,
        patience: Duration,
    ) -> (Option<(Remembered, Tier)>, Option<Flight>) {
        let Some(key) = key else { return (None, None) };
        match self.cache.look_up(key, patience).await {
            Lookup::Miss(flight) => (None, Some(flight)),
            Lookup::Hit(hit) => (readable(&hit), None),
        }
    }

    /// Remembers a whole answer only: a panel's bad moment should not be served for the rest of an hour.
    async fn remember(&self, flight: Flight, analysis: &Analysis) {
        let remembered = Remembered {
            answer: analysis.answer.clone(),
            synthesizer: analysis.synthesizer.clone(),
            truncated: analysis.truncated,
            stages: analysis.stages.clone(),
        };
        let whole = !analysis.degraded && analysis.left_out.is_empty();
        match serde_json::to_vec(&remembered) {
            Ok(value) if whole => flight.land(&value, self.cache_ttl).await,
            _ => flight.land_alone(),
        }
    }

    /// A lost database fails no panel: the answer is given, and says that it is not stored.
    async fn save(&self, analysis: &Analysis, account: Account) -> bool {
        if self.database.is_down() {
            return false;
        }
        match self.store.save_analysis(analysis, account).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, analysis = %analysis.id, "the analysis is not stored");
                false
            }
        }
    }
}

impl Analysis {
    fn take_remembered(&mut self, remembered: Remembered, tier: Tier) {
        let Remembered {
            answer,
            synthesizer,
            truncated,
            stages,
        } = remembered;
        self.answer = answer;
        self.truncated = truncated;
        self.synthesizer = synthesizer;
        self.stages = stages;
        self.cached = true;
        self.cache = Some(tier);
    }

    fn take_verdict(&mut self, verdict: Verdict) {
        let Verdict {
            answer,
            synthesizer,
            degraded,
            truncated,
            left_out,
            usage,
            stages,
        } = verdict;
        self.answer = answer;
        self.truncated = truncated;
        self.synthesizer = synthesizer;
        self.degraded = degraded;
        self.left_out = left_out;
        self.usage = usage;
        self.stages = stages;
    }
}

fn readable(hit: &cache::Hit) -> Option<(Remembered, Tier)> {
    match serde_json::from_slice(&hit.value) {
        Ok(remembered) => Some((remembered, hit.tier)),
        Err(error) => {
            tracing::warn!(%error, "a remembered answer cannot be read and is ignored");
            None
        }
    }
}

fn log(event: &Event, id: AnalysisId) {
    if let Event::ModelFailed(LeftOut {
        stage, model, detail, ..
    }) = event
    {
        tracing::warn!(analysis = %id, %stage, %model, detail, "a model is left out");
    }
}

/// Whole microseconds: what both databases keep, so that an answer reads back as it was given.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1_000 * 1_000)
        .unwrap_or(now)
}
