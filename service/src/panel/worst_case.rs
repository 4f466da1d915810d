//! What a panel can take at most, told before any model is asked.

use super::{Plan, deliberation::comparing, prompts};
use crate::{
    domain::{ModelId, Usage},
    llm::{Message, input_bound},
};

/// Every call that a panel may make, with the most that it can take. Nothing is left to luck: an answer that others
/// read is bounded in bytes by [`Plan::quotable`], and bytes bound tokens; all writers of the final answer fail but
/// the last, at full length.
pub fn worst_case(plan: &Plan) -> Vec<(ModelId, Usage)> {
    let Plan {
        conversation,
        members,
        stages,
        max_output_tokens,
        max_answer_tokens,
        ..
    } = plan;
    let count = members.len();
    let blank = |answers: usize| vec![(plan.label_of(0), ""); answers];
    let answers = plan.quotable_bytes().saturating_mul(count as u64);
    let reading_all =
        |messages: &[Message], output: u32| call(input_bound(messages).saturating_add(answers), output);

    let mut calls = first_stage(plan);
    if stages.review && count > 1 {
        let messages = prompts::review(conversation, "", &blank(count - 1));
        let review = reading_all(&messages, *max_output_tokens);
        calls.extend(members.iter().map(|model| (model.clone(), review)));
    }
    if stages.synthesis {
        let messages = prompts::synthesis(conversation, &blank(count));
        let synthesis = reading_all(&messages, *max_answer_tokens);
        calls.extend(plan.writers(members).into_iter().map(|model| (model, synthesis)));
    }
    if stages.synthesis && plan.verdict {
        let request = comparing(plan, &blank(count));
        let input = request.input_bound().saturating_add(answers);
        calls.push((request.model, call(input, *max_output_tokens)));
    }
    calls
}

/// The calls of the first stage, which every panel makes, with the most that they can take.
pub fn first_stage(plan: &Plan) -> Vec<(ModelId, Usage)> {
    let first = call(
        input_bound(&prompts::initial(&plan.conversation)),
        plan.max_output_tokens,
    );
    plan.members.iter().map(|model| (model.clone(), first)).collect()
}

fn call(input_tokens: u64, output_tokens: u32) -> Usage {
    Usage {
        input_tokens,
        output_tokens: output_tokens.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use async_trait::async_trait;
    use futures::{StreamExt as _, stream};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        llm::{Delta, Deltas, Error, FinishReason, Format, ModelInfo, Provider, Request, mock::Mock},
        metering::Meter,
        panel::{Progress, Stages, run},
    };

    /// Counts each byte as a token, writes as many tokens as it may, and answers with these texts, one after another.
    struct Greedy {
        texts: Vec<String>,
        calls: AtomicUsize,
    }

    #[async_trait]
    impl Provider for Greedy {
        fn models(&self) -> Vec<ModelInfo> {
            Vec::new()
        }

        async fn stream(&self, request: Request) -> Result<Deltas, Error> {
            let call = self.calls.fetch_add(1, Ordering::SeqCst);
            let text = self.texts[call % self.texts.len()].clone();
            let bytes: usize = request.messages.iter().map(|message| message.text().len()).sum();
            let schema = match &request.format {
                Format::Schema { schema, .. } => schema.to_string().len(),
                _ => 0,
            };
            let usage = Usage {
                input_tokens: (bytes + schema) as u64,
                output_tokens: request.max_output_tokens.unwrap().into(),
            };
            let end = Delta::End {
                finish: FinishReason::Length,
                usage,
            };
            Ok(stream::iter([Ok(Delta::Text(text)), Ok(end)]).boxed())
        }
    }

    fn plan(question: &str, members: &[&str], max_output_tokens: u32) -> Plan {
        Plan {
            min_models: 1,
            max_output_tokens,
            max_answer_tokens: max_output_tokens,
            ..Plan::of(question, members, "mock/editor")
        }
    }

    /// What a panel really took, by all calls that answered.
    fn taken(plan: Plan, provider: Arc<dyn Provider>) -> (Usage, Vec<(ModelId, Usage)>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let meter = Meter::default();
            let mut progress = Box::pin(run(plan, meter.metering(provider)));
            while let Some(progress) = progress.next().await {
                match progress {
                    Progress::Finished(Ok(verdict)) => return (verdict.usage, meter.calls().clone()),
                    Progress::Finished(Err(failure)) => return (failure.usage, meter.calls().clone()),
                    Progress::Event(_) => {}
                }
            }
            panic!("the panel ended without a result");
        })
    }

    /// Every real call has a call of the worst case of the same model, not used twice, that is at least as dear.
    fn is_covered(worst: &[(ModelId, Usage)], calls: &[(ModelId, Usage)]) -> bool {
        let mut left: Vec<_> = worst.to_vec();
        calls.iter().all(|(model, usage)| {
            let found = left.iter().position(|(other, bound)| {
                other == model
                    && bound.input_tokens >= usage.input_tokens
                    && bound.output_tokens >= usage.output_tokens
            });
            found.map(|index| left.remove(index)).is_some()
        })
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(String::new()),
            "[a-z .]{0,300}",
            "(\r\n|\n|\r|\u{2028}|\u{85}|a|é|日){0,300}",
            ("\\PC{1,20}", 1_usize..200).prop_map(|(text, times)| text.repeat(times)),
        ]
    }

    const MEMBERS: [&str; 4] = ["mock/analyst", "mock/skeptic", "mock/analyst", "mock/editor"];

    proptest! {
        #[test]
        fn no_panel_takes_more_whatever_the_models_say(
            prompt in "(\n|\r\n|\u{2029}|[a-z?]|日){0,60}why",
            members in 1_usize..=4,
            max_output_tokens in 16_u32..200,
            (review, synthesis, verdict) in any::<(bool, bool, bool)>(),
            texts in prop::collection::vec(text(), 1..6),
        ) {
            let plan = Plan {
                stages: Stages { review, synthesis },
                verdict,
                ..plan(&prompt, &MEMBERS[..members], max_output_tokens)
            };
            let worst = worst_case(&plan);
            let greedy = Greedy { texts, calls: AtomicUsize::new(0) };
            let (usage, calls) = taken(plan, Arc::new(greedy));
            prop_assert!(is_covered(&worst, &calls), "{:?}\n{:?}", worst, calls);
            let sum = calls.iter().fold(Usage::default(), |sum, (_, usage)| sum + *usage);
            prop_assert_eq!(sum, usage);
        }

        #[test]
        fn the_stand_ins_take_no_more(prompt in "[a-zA-Z ?\n]{0,400}why", members in 1_usize..=4, verdict: bool) {
            let plan = Plan {
                verdict,
                ..plan(&prompt, &MEMBERS[..members], 100)
            };
            let worst = worst_case(&plan);
            let (usage, calls) = taken(plan, Arc::new(Mock::default()));
            prop_assert!(is_covered(&worst, &calls), "{:?}\n{:?}", worst, calls);
            prop_assert!(usage.total() > 0);
        }
    }

    #[test]
    fn the_built_in_panel_sets_aside_what_the_documentation_says() {
        let members = ["mock/analyst", "mock/skeptic", "mock/pragmatist"];
        let plan = plan("Should a small team run its own Postgres?", &members, 2_048);
        let tokens: u64 = worst_case(&plan).iter().map(|(_, usage)| usage.total()).sum();
        assert!((280_000..290_000).contains(&tokens), "{tokens}");
    }
}
