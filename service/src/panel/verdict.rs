use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Stage;
use crate::domain::{ModelId, Usage};

/// What a panel came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The final answer.
    pub answer: String,
    /// Who wrote it; nobody where it is a member's own revised answer.
    pub synthesizer: Option<ModelId>,
    /// Whether the final answer is one member's, because nobody could write it from all of them.
    pub degraded: bool,
    /// Whether the final answer met the bound of its length.
    pub truncated: bool,
    /// Who failed or was late.
    pub left_out: Vec<LeftOut>,
    /// All tokens of all stages.
    pub usage: Usage,
    /// The same, call by call: prices differ by model.
    pub calls: Vec<(ModelId, Usage)>,
    /// Every answer of every stage.
    pub stages: Vec<StageReport>,
}

/// Too few members answered for a verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{answered} of the {needed} models needed answered in {stage}")]
pub struct Failure {
    /// Where the panel ended.
    pub stage: Stage,
    /// How many were needed.
    pub needed: usize,
    /// How many answered.
    pub answered: usize,
    /// Who failed or was late, and why.
    pub left_out: Vec<LeftOut>,
    /// What was used all the same.
    pub usage: Usage,
    /// The same, call by call.
    pub calls: Vec<(ModelId, Usage)>,
}

/// A model that failed or was late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// In which stage.
    pub stage: Stage,
    /// The neutral name of the member; the final answer has none.
    pub label: Option<String>,
    /// Which model.
    pub model: ModelId,
    /// What happened, for programs.
    pub reason: Reason,
    /// What happened, for people.
    pub detail: String,
}

/// Why a model was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It did not answer in the time of its stage.
    Late,
    /// It failed.
    Failed,
}

/// All answers of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageReport {
    /// Which stage.
    pub stage: Stage,
    /// The answers, in the order of the members.
    pub answers: Vec<MemberAnswer>,
}

/// One model's answer in one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberAnswer {
    /// The neutral name of the member; the final answer has none.
    pub label: Option<String>,
    /// Which model.
    pub model: ModelId,
    /// What it answered.
    pub text: String,
    /// Whether the answer met the bound of its length.
    pub truncated: bool,
    /// What it took.
    pub usage: Usage,
    /// How long it took.
    pub duration_ms: u64,
}
