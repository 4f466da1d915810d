use std::time::Duration;

use super::Stage;
use crate::{
    domain::{ModelId, Prompt},
    llm::Sampling,
};

/// What one panel is to do: the question, who answers it, and under which bounds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The question.
    pub prompt: Prompt,
    /// Who answers; the same model twice counts as two.
    pub members: Vec<ModelId>,
    /// Who writes the final answer.
    pub synthesizer: ModelId,
    /// With fewer answers than this there is no verdict.
    pub min_models: usize,
    /// The longest answer of one model, in tokens.
    pub max_output_tokens: u32,
    /// The longest final answer, in tokens.
    pub max_answer_tokens: u32,
    /// How all models choose their words.
    pub sampling: Sampling,
    /// Texts at which the final answer ends.
    pub stop: Vec<String>,
    /// How long all stages may take together.
    pub deadline: Duration,
}

impl Plan {
    /// When a stage has to end, counted from the start of the panel. Each stage leaves time for those after it, so
    /// that one late member costs itself and not the verdict.
    pub fn deadline_of(&self, stage: Stage) -> Duration {
        self.deadline.mul_f64(match stage {
            Stage::InitialResponse => 0.4,
            Stage::PeerReviewAndRevision => 0.75,
            Stage::UltraSynthesis => 1.0,
        })
    }

    /// The neutral name of a member, under which the others see its answer.
    pub fn label_of(&self, member: usize) -> String {
        let letter = u8::try_from(member % 26).map_or('A', |index| char::from(b'A' + index));
        format!("Response {letter}")
    }
}
