use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream;

use super::*;
use crate::{
    domain::Prompt,
    llm::{Deltas, ModelInfo, Sampling, mock::Mock},
    panel::Reason,
};

fn plan(members: &[&str], synthesizer: &str) -> Plan {
    Plan {
        prompt: Prompt::parse("Should a small team run its own Postgres?").unwrap(),
        members: members.iter().map(|name| name.parse().unwrap()).collect(),
        synthesizer: synthesizer.parse().unwrap(),
        min_models: 2,
        max_output_tokens: 1_000,
        max_answer_tokens: 1_000,
        sampling: Sampling::default(),
        stop: Vec::new(),
        deadline: Duration::from_secs(60),
    }
}

async fn finish(plan: Plan, provider: Arc<dyn Provider>) -> (Vec<Event>, Result<Verdict, Failure>) {
    let mut progress = Box::pin(run(plan, provider));
    let mut events = Vec::new();
    while let Some(progress) = progress.next().await {
        match progress {
            Progress::Event(event) => events.push(event),
            Progress::Finished(result) => return (events, result),
        }
    }
    panic!("the panel ended without a result");
}

#[tokio::test]
async fn the_streamed_pieces_are_the_final_answer() {
    let (events, result) = finish(
        plan(&["mock/analyst", "mock/skeptic"], "mock/editor"),
        Arc::new(Mock),
    )
    .await;
    let streamed: String = events
        .into_iter()
        .filter_map(|event| match event {
            Event::SynthesisDelta { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    let verdict = result.unwrap();
    assert_eq!(verdict.answer, streamed);
    assert!(verdict.answer.contains("Postgres"), "{}", verdict.answer);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_never_answers_costs_the_time_of_its_stage_and_no_more() {
    let started = Instant::now();
    let members = ["mock/analyst", "mock/stalled", "mock/skeptic"];
    let (_, result) = finish(plan(&members, "mock/editor"), Arc::new(Mock)).await;
    let verdict = result.unwrap();
    assert_eq!(
        (verdict.left_out[0].model.as_str(), verdict.left_out[0].reason),
        ("mock/stalled", Reason::Late)
    );
    assert_eq!(started.elapsed().as_secs(), 24);
}

#[tokio::test(start_paused = true)]
async fn a_synthesizer_that_never_answers_leaves_a_degraded_verdict_at_the_deadline() {
    let started = Instant::now();
    let (_, result) = finish(
        plan(&["mock/analyst", "mock/skeptic"], "mock/stalled"),
        Arc::new(Mock),
    )
    .await;
    let verdict = result.unwrap();
    assert!(verdict.degraded && !verdict.answer.is_empty());
    assert_eq!(started.elapsed().as_secs(), 60);
}

/// Counts the calls that are under way.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Provider for Counting {
    fn models(&self) -> Vec<ModelInfo> {
        Vec::new()
    }

    async fn stream(&self, _: Request) -> Result<Deltas, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let under_way = UnderWay(self.0.clone());
        Ok(stream::pending()
            .inspect(move |_: &Result<Delta, Error>| _ = &under_way)
            .boxed())
    }
}

#[tokio::test]
async fn dropping_a_panel_cancels_every_call() {
    let provider = Counting::default();
    let calls = provider.0.clone();
    {
        let mut progress = Box::pin(run(plan(&["m/a", "m/b", "m/c"], "m/s"), Arc::new(provider)));
        let all_under_way = async { while let Some(Progress::Event(_)) = progress.next().await {} };
        // All events have come and the calls wait: nothing more happens by itself.
        let waited = tokio::time::timeout(Duration::from_millis(50), all_under_way).await;
        assert!(waited.is_err());
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}
