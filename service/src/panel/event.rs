use serde::Serialize;
use utoipa::ToSchema;

use super::{Comparison, LeftOut, MemberAnswer, Skipped, Stage};
use crate::domain::{AnalysisId, ModelId};

/// What happens in a panel, as it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type")]
pub enum Event {
    /// The panel has begun.
    #[serde(rename = "analysis.started")]
    AnalysisStarted {
        /// The id under which the result can be read later.
        id: AnalysisId,
        /// The members.
        models: Vec<ModelId>,
        /// Who is to write the final answer.
        synthesizer: ModelId,
    },
    /// A stage has begun.
    #[serde(rename = "stage.started")]
    StageStarted {
        /// Which.
        stage: Stage,
        /// The models that take part in it.
        models: Vec<ModelId>,
    },
    /// A model was asked.
    #[serde(rename = "model.started")]
    ModelStarted {
        /// In which stage.
        stage: Stage,
        /// The neutral name of the member; the final answer has none.
        label: Option<String>,
        /// Which model.
        model: ModelId,
    },
    /// A model has answered.
    #[serde(rename = "model.completed")]
    ModelCompleted {
        /// In which stage.
        stage: Stage,
        /// What it answered.
        #[serde(flatten)]
        answer: MemberAnswer,
    },
    /// A model failed, or was late, and is left out from here on.
    #[serde(rename = "model.failed")]
    ModelFailed(LeftOut),
    /// A stage has ended.
    #[serde(rename = "stage.completed")]
    StageCompleted {
        /// Which.
        stage: Stage,
        /// How many models answered in it.
        answered: usize,
        /// How many failed in it.
        failed: usize,
    },
    /// A stage that was asked for does not take place.
    #[serde(rename = "stage.skipped")]
    StageSkipped(Skipped),
    /// The answers have been compared.
    #[serde(rename = "verdict.completed")]
    VerdictCompleted {
        /// Who compared them.
        model: ModelId,
        /// What they have in common, and what not.
        verdict: Comparison,
    },
    /// The next piece of the final answer.
    #[serde(rename = "synthesis.delta")]
    SynthesisDelta {
        /// Who writes it.
        model: ModelId,
        /// Counts from 1. A higher attempt begins the answer anew, after the one before it failed.
        attempt: usize,
        /// The text.
        text: String,
    },
}

impl Event {
    /// The event's public name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AnalysisStarted { .. } => "analysis.started",
            Self::StageStarted { .. } => "stage.started",
            Self::ModelStarted { .. } => "model.started",
            Self::ModelCompleted { .. } => "model.completed",
            Self::ModelFailed(_) => "model.failed",
            Self::StageCompleted { .. } => "stage.completed",
            Self::StageSkipped(_) => "stage.skipped",
            Self::VerdictCompleted { .. } => "verdict.completed",
            Self::SynthesisDelta { .. } => "synthesis.delta",
        }
    }
}
