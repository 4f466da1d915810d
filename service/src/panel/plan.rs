use std::time::Duration;

use super::{Stage, prompts};
use crate::{
    domain::{ModelId, Prompt},
    llm::Sampling,
};

/// The longest tokens, on average, of an answer that is quoted whole. Those of prose have four to five bytes, those of
/// programs fewer.
const QUOTED_BYTES_PER_TOKEN: u64 = 6;

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

    /// Who may write the final answer, in the order in which they are asked: the synthesizer, then each model among
    /// those that answered.
    pub(super) fn writers<'a>(&self, answered: impl IntoIterator<Item = &'a ModelId>) -> Vec<ModelId> {
        let mut writers = vec![self.synthesizer.clone()];
        for model in answered {
            if !writers.contains(model) {
                writers.push(model.clone());
            }
        }
        writers
    }

    /// How many bytes of an answer others get to read, as they lie in the quotation.
    pub(super) fn quotable_bytes(&self) -> u64 {
        u64::from(self.max_output_tokens) * QUOTED_BYTES_PER_TOKEN
    }

    /// The part of an answer that others get to read: all of it, unless its tokens are very long ones. What reading it
    /// costs is so bounded before it is written.
    pub(super) fn quotable<'a>(&self, answer: &'a str) -> &'a str {
        let mut left = self.quotable_bytes();
        for (at, character) in answer.char_indices() {
            let bytes = prompts::quoted_bytes(character);
            if bytes > left {
                return &answer[..at];
            }
            left -= bytes;
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(max_output_tokens: u32) -> Plan {
        Plan {
            prompt: Prompt::parse("Why?").unwrap(),
            members: Vec::new(),
            synthesizer: "mock/editor".parse().unwrap(),
            min_models: 1,
            max_output_tokens,
            max_answer_tokens: max_output_tokens,
            sampling: Sampling::default(),
            stop: Vec::new(),
            deadline: Duration::from_secs(60),
        }
    }

    #[test]
    fn an_answer_is_quoted_whole_unless_its_tokens_are_very_long() {
        let plan = plan(17);
        let whole = "A word or two. ".repeat(6);
        assert_eq!(plan.quotable(&whole), whole);
        assert_eq!(plan.quotable(&"a".repeat(1_000)).len(), 102);
        assert_eq!(
            plan.quotable(&"🦀".repeat(1_000)).len(),
            100,
            "no character is torn"
        );
        assert_eq!(
            plan.quotable(&"\n".repeat(1_000)).len(),
            34,
            "a quoted line break takes three bytes"
        );
    }
}
