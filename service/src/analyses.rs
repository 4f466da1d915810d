//! One analysis from request to result: a remembered answer or a panel, then its place in the store and in the ledger.
//! Both APIs call this; it knows neither.

mod analysis;
mod plan;
mod question;
mod remembered;

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use tokio::time::Instant;

pub use analysis::Analysis;
pub use question::{PanelOptions, Question};

use crate::{
    bill::Bill,
    cache::{self, Flight, Key, Lookup, Tier},
    config,
    domain::{Account, AnalysisId, InvalidPrompt, Money, Operation, Outcome, UserId},
    health::Dependency,
    ledger::{self, Full, Ledger, NotRecorded},
    limits::{Refused, Reservation},
    llm::Provider,
    metering::Prices,
    panel::{self, Event, Failure, LeftOut, Plan, Progress},
    store::{self, Page, Store},
};
use remembered::Remembered;

/// The part of its time that a request spends waiting for an equal one: what is left must do for a panel of its own.
const PATIENCE: f64 = 0.5;

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
    /// What is asked is no prompt.
    #[error(transparent)]
    NoPrompt(#[from] InvalidPrompt),
    /// The budget does not hold what the first stage can cost.
    #[error("the first answers alone can cost up to {needed}, and the budget is {budget}")]
    TooDear {
        /// What they can cost.
        needed: Money,
        /// What may be spent.
        budget: Money,
    },
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
    /// What models cost.
    pub prices: Prices,
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
        let mut plan = plan::plan(&this.panel, &this.prices, &question);
        let mut analysis = Analysis::begin(&question, &plan)?;
        let key = question
            .use_cache
            .then(|| remembered::key(question.account, &plan))
            .flatten();
        let remembered = this.remembered(key.as_ref()).await;
        let reservation = match &remembered {
            Some(_) => Reservation::nothing(),
            None => Self::reserve(&question, &plan).await?,
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
            (analysis.usage, analysis.cost) = bill.taken();
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

    /// Counts a panel, and sets aside what it can take at most. One that cannot even begin within its budget is refused
    /// before it counts.
    async fn reserve(question: &Question, plan: &Plan) -> Result<Reservation, Error> {
        if let Some(budget) = plan.budget {
            let needed = plan.cost(&panel::first_stage(plan));
            if needed > budget {
                return Err(Error::TooDear { needed, budget });
            }
        }
        let worst_case = || panel::worst_case(plan);
        Ok(question.allowance.panel(worst_case, plan.budget).await?)
    }

    /// A remembered answer. Who waits for an equal request to work one out looks it up.
    async fn remembered(&self, key: Option<&Key>) -> Option<(Remembered, Tier)> {
        let hit = self.cache.find(key?).await?;
        Remembered::read(&hit)
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
            Lookup::Hit(hit) => (Remembered::read(&hit), None),
        }
    }

    async fn remember(&self, flight: Flight, analysis: &Analysis) {
        let value = Remembered::of(analysis).and_then(|remembered| serde_json::to_vec(&remembered).ok());
        match value {
            Some(value) => flight.land(&value, self.cache_ttl).await,
            None => flight.land_alone(),
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

fn log(event: &Event, id: AnalysisId) {
    if let Event::ModelFailed(LeftOut {
        stage, model, detail, ..
    }) = event
    {
        tracing::warn!(analysis = %id, %stage, %model, detail, "a model is left out");
    }
}
