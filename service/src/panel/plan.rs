use std::{collections::BTreeMap, time::Duration};

use super::{Stage, Stages, prompts, variety};
use crate::{
    domain::{Conversation, ModelId, Money, Usage},
    llm::Sampling,
    metering::Prices,
};

/// The longest tokens, on average, of an answer that is quoted whole. Those of prose have four to five bytes, those of
/// programs fewer.
const QUOTED_BYTES_PER_TOKEN: u64 = 6;

/// What one panel is to do: the question, who answers it, and under which bounds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The question, and what was said before it.
    pub conversation: Conversation,
    /// Who answers; the same model twice counts as two.
    pub members: Vec<ModelId>,
    /// Who writes the final answer.
    pub synthesizer: ModelId,
    /// What is done beside the first answers.
    pub stages: Stages,
    /// Whether the answers are compared too, beside the final one.
    pub verdict: bool,
    /// With fewer answers than this there is no verdict.
    pub min_models: usize,
    /// The longest answer of one model, in tokens.
    pub max_output_tokens: u32,
    /// The longest final answer, in tokens.
    pub max_answer_tokens: u32,
    /// How all models choose their words, as far as the request says it.
    pub sampling: Sampling,
    /// Texts at which the final answer ends.
    pub stop: Vec<String>,
    /// How long all stages may take together.
    pub deadline: Duration,
    /// How long a stage may take, where it is not its part of the whole.
    pub stage_deadlines: BTreeMap<Stage, Duration>,
    /// What all calls may cost together.
    pub budget: Option<Money>,
    /// What the models cost.
    pub prices: Prices,
}

impl Plan {
    /// A plan with nothing special about it.
    pub fn new(conversation: Conversation, members: Vec<ModelId>, synthesizer: ModelId) -> Self {
        Self {
            conversation,
            members,
            synthesizer,
            stages: Stages::ALL,
            verdict: false,
            min_models: 2,
            max_output_tokens: 1_000,
            max_answer_tokens: 1_000,
            sampling: Sampling::default(),
            stop: Vec::new(),
            deadline: Duration::from_secs(60),
            stage_deadlines: BTreeMap::new(),
            budget: None,
            prices: Prices::default(),
        }
    }

    /// When a stage has to end that began at `began`, both counted from the start of the panel.
    pub(super) fn deadline_of(&self, stage: Stage, began: Duration) -> Duration {
        let own = self.stage_deadlines.get(&stage).map(|own| began + *own);
        let share = || self.deadline.mul_f64(self.stages.share(stage));
        own.unwrap_or_else(share).min(self.deadline)
    }

    /// The neutral name of a member, under which the others see its answer.
    pub fn label_of(&self, member: usize) -> String {
        let letter = u8::try_from(member % 26).map_or('A', |index| char::from(b'A' + index));
        format!("Response {letter}")
    }

    /// How a member chooses its words: members with the same model differ, where the request lets them.
    pub(super) fn sampling_of(&self, member: usize) -> Sampling {
        let model = &self.members[member];
        let same = |members: &[ModelId]| members.iter().filter(|other| *other == model).count();
        variety::vary(self.sampling, same(&self.members[..member]), same(&self.members))
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

    /// What calls cost together.
    pub fn cost<'a>(&self, calls: impl IntoIterator<Item = &'a (ModelId, Usage)>) -> Money {
        let costs = calls
            .into_iter()
            .map(|(model, usage)| self.prices.cost(model, *usage));
        costs.sum()
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
impl Plan {
    /// The same for a question and names, of which a test knows that they are right.
    pub(super) fn of(question: &str, members: &[&str], synthesizer: &str) -> Self {
        let prompt = crate::domain::Prompt::parse(question).unwrap();
        let members = members.iter().map(|name| name.parse().unwrap()).collect();
        Self::new(Conversation::from(&prompt), members, synthesizer.parse().unwrap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_quoted_whole_unless_its_tokens_are_very_long() {
        let plan = Plan {
            max_output_tokens: 17,
            ..Plan::of("Why?", &[], "mock/editor")
        };
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

    #[test]
    fn each_stage_leaves_time_for_those_after_it_and_a_stages_own_time_counts_from_its_beginning() {
        let seconds = Duration::from_secs;
        let mut plan = Plan::of("Why?", &[], "mock/editor");
        let ends = |plan: &Plan, began| Stage::ALL.map(|stage| plan.deadline_of(stage, began).as_secs());
        assert_eq!(ends(&plan, Duration::ZERO), [24, 45, 60]);
        plan.stages.review = false;
        assert_eq!(
            plan.deadline_of(Stage::InitialResponse, Duration::ZERO),
            seconds(36)
        );
        plan.stages.synthesis = false;
        assert_eq!(
            plan.deadline_of(Stage::InitialResponse, Duration::ZERO),
            seconds(60)
        );
        plan.stage_deadlines
            .extend(Stage::ALL.map(|stage| (stage, seconds(10))));
        assert_eq!(ends(&plan, seconds(7)), [17, 17, 17]);
        assert_eq!(ends(&plan, seconds(55)), [60, 60, 60], "never beyond the whole");
    }

    #[test]
    fn members_with_the_same_model_choose_their_words_in_different_ways() {
        let plan = Plan::of("Why?", &["m/a", "m/b", "m/a"], "m/s");
        assert_eq!(plan.sampling_of(1), Sampling::default());
        assert_ne!(plan.sampling_of(0), plan.sampling_of(2));
    }
}
