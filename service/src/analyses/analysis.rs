use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Question;
use crate::{
    cache::Tier,
    domain::{AnalysisId, InvalidPrompt, ModelId, Money, Prompt, Turn, Usage},
    panel::{Chosen, Comparison, LeftOut, Member, Plan, Skipped, StageReport, Verdict},
};

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
    /// The whole conversation, where there was more of it than the question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Turn>,
    /// The final answer.
    pub answer: String,
    /// The models of the panel.
    pub models: Vec<ModelId>,
    /// The members of the panel, and how much their last answers have in common.
    pub members: Vec<Member>,
    /// Who wrote the final answer; nobody where it is a member's own.
    pub synthesizer: Option<ModelId>,
    /// What the members' last answers have in common, and what not, where that was asked for. Where it could not be had,
    /// `left_out` says why.
    pub verdict: Option<Comparison>,
    /// Whose own answer the final one is, where nobody wrote it from all of them: the one that has most in common with
    /// the others.
    pub chosen: Option<Chosen>,
    /// Whether the final answer is one member's, though it should have been written from all of them.
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
    /// What it costs, as a decimal number: nothing, where it was remembered.
    #[schema(value_type = String, example = "0.0425")]
    pub cost: Money,
    /// How long it took.
    pub duration_ms: u64,
    /// Who failed or was late.
    pub left_out: Vec<LeftOut>,
    /// Which stages were asked for and did not take place.
    pub skipped: Vec<Skipped>,
    /// What each stage took; with every answer, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageReport>,
}

impl Analysis {
    /// One that has no answer yet.
    pub(super) fn begin(question: &Question, plan: &Plan) -> Result<Self, InvalidPrompt> {
        let conversation = &question.conversation;
        Ok(Self {
            id: question.id,
            created_at: now(),
            prompt: conversation.question()?,
            messages: if conversation.is_one_question() {
                Vec::new()
            } else {
                conversation.turns().to_vec()
            },
            answer: String::new(),
            models: plan.members.clone(),
            members: Vec::new(),
            verdict: None,
            synthesizer: None,
            chosen: None,
            degraded: false,
            truncated: false,
            cached: false,
            cache: None,
            stored: false,
            usage: Usage::default(),
            cost: Money::default(),
            duration_ms: 0,
            left_out: Vec::new(),
            skipped: Vec::new(),
            stages: Vec::new(),
        })
    }

    pub(super) fn take_verdict(&mut self, verdict: Verdict) {
        let Verdict {
            answer,
            synthesizer,
            chosen,
            degraded,
            truncated,
            members,
            comparison,
            left_out,
            skipped,
            usage: _,
            stages,
        } = verdict;
        self.answer = answer;
        self.synthesizer = synthesizer;
        self.chosen = chosen;
        self.degraded = degraded;
        self.truncated = truncated;
        self.members = members;
        self.verdict = comparison;
        self.left_out = left_out;
        self.skipped = skipped;
        self.stages = stages;
    }
}

/// Whole microseconds: what both databases keep, so that an answer reads back as it was given.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1_000 * 1_000)
        .unwrap_or(now)
}
