//! What a panel can take at most, told before any model is asked.

use super::{Plan, prompts};
use crate::{
    domain::{ModelId, Usage},
    llm::input_bound,
};

/// Every call that a panel may make, with the most that it can take. Nothing is left to luck: an answer that others
/// read is bounded in bytes by [`Plan::quotable`], and bytes bound tokens; all writers of the final answer fail but
/// the last, at full length.
pub fn worst_case(plan: &Plan) -> Vec<(ModelId, Usage)> {
    let Plan {
        prompt,
        members,
        max_output_tokens,
        max_answer_tokens,
        ..
    } = plan;
    let count = members.len();
    let blank = |answers: usize| vec![(plan.label_of(0), ""); answers];
    let answers = |count: usize| plan.quotable_bytes().saturating_mul(count as u64);
    let call = |input: u64, output: u32| Usage {
        input_tokens: input,
        output_tokens: output.into(),
    };

    let first = call(input_bound(&prompts::initial(prompt)), *max_output_tokens);
    let mut calls: Vec<_> = members.iter().map(|model| (model.clone(), first)).collect();
    if count > 1 {
        let messages = prompts::review(prompt, "", &blank(count - 1));
        let review = call(
            input_bound(&messages).saturating_add(answers(count)),
            *max_output_tokens,
        );
        calls.extend(members.iter().map(|model| (model.clone(), review)));
    }
    let messages = prompts::synthesis(prompt, &blank(count));
    let synthesis = call(
        input_bound(&messages).saturating_add(answers(count)),
        *max_answer_tokens,
    );
    calls.extend(plan.writers(members).into_iter().map(|model| (model, synthesis)));
    calls
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
        domain::Prompt,
        llm::{Delta, Deltas, Error, FinishReason, ModelInfo, Provider, Request, Sampling, mock::Mock},
        metering::Meter,
        panel::{Progress, run},
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
            let usage = Usage {
                input_tokens: bytes as u64,
                output_tokens: request.max_output_tokens.unwrap().into(),
            };
            let end = Delta::End {
                finish: FinishReason::Length,
                usage,
            };
            Ok(stream::iter([Ok(Delta::Text(text)), Ok(end)]).boxed())
        }
    }

    fn plan(prompt: &str, members: &[&str], max_output_tokens: u32) -> Plan {
        Plan {
            prompt: Prompt::parse(prompt).unwrap(),
            members: members.iter().map(|name| name.parse().unwrap()).collect(),
            synthesizer: "mock/editor".parse().unwrap(),
            min_models: 1,
            max_output_tokens,
            max_answer_tokens: max_output_tokens,
            sampling: Sampling::default(),
            stop: Vec::new(),
            deadline: std::time::Duration::from_secs(60),
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
            texts in prop::collection::vec(text(), 1..6),
        ) {
            let plan = plan(&prompt, &MEMBERS[..members], max_output_tokens);
            let worst = worst_case(&plan);
            let greedy = Greedy { texts, calls: AtomicUsize::new(0) };
            let (usage, calls) = taken(plan, Arc::new(greedy));
            prop_assert!(is_covered(&worst, &calls), "{:?}\n{:?}", worst, calls);
            let sum = calls.iter().fold(Usage::default(), |sum, (_, usage)| sum + *usage);
            prop_assert_eq!(sum, usage);
        }

        #[test]
        fn the_stand_ins_take_no_more(prompt in "[a-zA-Z ?\n]{0,400}why", members in 1_usize..=4) {
            let plan = plan(&prompt, &MEMBERS[..members], 100);
            let worst = worst_case(&plan);
            let (usage, calls) = taken(plan, Arc::new(Mock));
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
