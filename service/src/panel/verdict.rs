use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Comparison, Stage};
use crate::domain::{ModelId, Money, Usage};

/// What a panel came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The final answer.
    pub answer: String,
    /// Who wrote it; nobody where it is a member's own answer.
    pub synthesizer: Option<ModelId>,
    /// Whose own answer the final one is, where nobody wrote it from all of them.
    pub chosen: Option<Chosen>,
    /// Whether the final answer is one member's, though it should have been written from all of them.
    pub degraded: bool,
    /// Whether the final answer met the bound of its length.
    pub truncated: bool,
    /// The members, and how much their last answers have in common.
    pub members: Vec<Member>,
    /// What the members' last answers have in common, and what not, where that was asked for.
    pub comparison: Option<Comparison>,
    /// Who failed or was late.
    pub left_out: Vec<LeftOut>,
    /// Which stages did not take place, though they were asked for.
    pub skipped: Vec<Skipped>,
    /// All tokens of all calls that ended.
    pub usage: Usage,
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
}

/// Whose own answer was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Chosen {
    /// The neutral name of the member.
    #[schema(example = "Response B")]
    pub label: String,
    /// Which model.
    pub model: ModelId,
}

/// One member of a panel, and where it stands in the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Its neutral name.
    #[schema(example = "Response A")]
    pub label: String,
    /// Which model.
    pub model: ModelId,
    /// Whether its answer is part of the result; else it is named in `left_out`.
    pub answered: bool,
    /// How many of its words its last answer shares with the others', from 0 to 1, on average. It says how alike texts
    /// are, and not whether they are right. None where there is no other to compare it with.
    pub agreement: Option<f64>,
    /// Where it stands. None of two members can be said to stand apart.
    pub stance: Option<Stance>,
}

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// Its answer is about as close to the others as these are to each other.
    Agrees,
    /// Its answer shares less than half as many words with the others as these share with each other.
    Dissents,
}

/// A model that failed or was late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// In which stage.
    pub stage: Stage,
    /// The neutral name of the member, or `Verdict` for the comparison; the final answer has none.
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

/// A stage that was asked for and did not take place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Skipped {
    /// Which.
    pub stage: Stage,
    /// Why, for programs.
    pub reason: SkipReason,
    /// Why, for people.
    pub detail: String,
}

/// Why a stage did not take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// It could have cost more than was left of the budget.
    Budget,
    /// One answer alone has no peers to learn from.
    OneAnswer,
}

/// One stage, and what it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageReport {
    /// Which stage.
    pub stage: Stage,
    /// How long it took.
    #[serde(default)]
    pub duration_ms: u64,
    /// The tokens of its calls that ended.
    #[serde(default)]
    pub usage: Usage,
    /// What these cost, as a decimal number.
    #[serde(default)]
    #[schema(value_type = String, example = "0.0125")]
    pub cost: Money,
    /// The answers, in the order of the members, where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
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
    /// What it costs, as a decimal number.
    #[serde(default)]
    #[schema(value_type = String, example = "0.0025")]
    pub cost: Money,
    /// How long it took.
    pub duration_ms: u64,
}
