//! What the cache keeps of an analysis, and under which name.

use serde::{Deserialize, Serialize};

use super::Analysis;
use crate::{
    cache::{self, Key, Tier},
    domain::{Account, Conversation, ModelId},
    llm::Sampling,
    panel::{self, Chosen, Comparison, Member, Plan, SkipReason, StageReport, Stages},
};

/// What the cache keeps.
#[derive(Serialize, Deserialize)]
pub(super) struct Remembered {
    answer: String,
    synthesizer: Option<ModelId>,
    chosen: Option<Chosen>,
    truncated: bool,
    members: Vec<Member>,
    verdict: Option<Comparison>,
    stages: Vec<StageReport>,
}

/// All that decides about a whole answer. Deadlines and budgets do not: what they cost an answer keeps it from being
/// remembered.
#[derive(Serialize)]
struct CanonicalRequest<'a> {
    conversation: &'a Conversation,
    models: &'a [ModelId],
    synthesizer: &'a ModelId,
    stages: Stages,
    verdict: bool,
    min_models: usize,
    max_output_tokens: u32,
    max_answer_tokens: u32,
    sampling: Sampling,
    stop: &'a [String],
    prompts: String,
}

/// The name under which an account's answers to this are remembered.
pub(super) fn key(account: Account, plan: &Plan) -> Option<Key> {
    let Plan {
        conversation,
        members,
        synthesizer,
        stages,
        verdict,
        min_models,
        max_output_tokens,
        max_answer_tokens,
        sampling,
        stop,
        deadline: _,
        stage_deadlines: _,
        budget: _,
        prices: _,
    } = plan;
    let request = CanonicalRequest {
        conversation,
        models: members,
        synthesizer,
        stages: *stages,
        verdict: *verdict,
        min_models: *min_models,
        max_output_tokens: *max_output_tokens,
        max_answer_tokens: *max_answer_tokens,
        sampling: *sampling,
        stop,
        prompts: panel::prompts_fingerprint(),
    };
    Key::analysis(account, &request).ok()
}

impl Remembered {
    /// What is to be remembered of an analysis: a whole answer only. A panel's bad moment should not be served for the
    /// rest of an hour.
    pub(super) fn of(analysis: &Analysis) -> Option<Self> {
        let dear = analysis
            .skipped
            .iter()
            .any(|skipped| skipped.reason == SkipReason::Budget);
        let whole = !analysis.degraded && analysis.left_out.is_empty() && !dear;
        whole.then(|| Self {
            answer: analysis.answer.clone(),
            synthesizer: analysis.synthesizer.clone(),
            chosen: analysis.chosen.clone(),
            truncated: analysis.truncated,
            members: analysis.members.clone(),
            verdict: analysis.verdict.clone(),
            stages: analysis.stages.clone(),
        })
    }

    /// What a cache had, and which.
    pub(super) fn read(hit: &cache::Hit) -> Option<(Self, Tier)> {
        match serde_json::from_slice(&hit.value) {
            Ok(remembered) => Some((remembered, hit.tier)),
            Err(error) => {
                tracing::warn!(%error, "a remembered answer cannot be read and is ignored");
                None
            }
        }
    }
}

impl Analysis {
    pub(super) fn take_remembered(&mut self, remembered: Remembered, tier: Tier) {
        let Remembered {
            answer,
            synthesizer,
            chosen,
            truncated,
            members,
            verdict,
            stages,
        } = remembered;
        self.answer = answer;
        self.synthesizer = synthesizer;
        self.chosen = chosen;
        self.truncated = truncated;
        self.members = members;
        self.verdict = verdict;
        self.stages = stages;
        self.cached = true;
        self.cache = Some(tier);
    }
}
