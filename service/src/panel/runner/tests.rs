use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream;

use super::*;
use crate::{
    llm::{Deltas, ModelInfo, mock::Mock},
    panel::{Reason, Stage, Stages},
};

fn plan(members: &[&str], synthesizer: &str) -> Plan {
    Plan::of("Should a small team run its own Postgres?", members, synthesizer)
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
        Arc::new(Mock::default()),
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
    let (_, result) = finish(plan(&members, "mock/editor"), Arc::new(Mock::default())).await;
    let verdict = result.unwrap();
    assert_eq!(
        (verdict.left_out[0].model.as_str(), verdict.left_out[0].reason),
        ("mock/stalled", Reason::Late)
    );
    assert_eq!(started.elapsed().as_secs(), 24);
}

#[tokio::test(start_paused = true)]
async fn a_stages_own_time_counts_from_its_beginning() {
    let started = Instant::now();
    let seconds = Duration::from_secs;
    let slow = Plan {
        stage_deadlines: [
            (Stage::InitialResponse, seconds(3)),
            (Stage::UltraSynthesis, seconds(2)),
        ]
        .into(),
        ..plan(&["mock/analyst", "mock/stalled", "mock/skeptic"], "mock/stalled")
    };
    let (_, result) = finish(slow, Arc::new(Mock::default())).await;
    let verdict = result.unwrap();
    assert!(verdict.degraded);
    assert_eq!(started.elapsed().as_secs(), 5);
    let took: Vec<_> = verdict
        .stages
        .iter()
        .map(|stage| stage.duration_ms / 1_000)
        .collect();
    assert_eq!(took, [3, 0, 2]);
}

#[tokio::test]
async fn the_same_model_several_times_gives_different_answers() {
    let same = ["mock/analyst"; 5];
    let (_, result) = finish(plan(&same, "mock/editor"), Arc::new(Mock::default())).await;
    let verdict = result.unwrap();
    let first = &verdict.stages[0].answers;
    let texts: std::collections::BTreeSet<_> = first.iter().map(|answer| &answer.text).collect();
    assert_eq!(texts.len(), 5, "{texts:#?}");
}

#[tokio::test]
async fn the_stand_ins_compare_what_they_were_shown() {
    // More subjects than one answer takes up, and members that begin with different ones.
    let question = "Should hospitals keep encrypted backups of imaging archives offline?";
    let compared = Plan {
        verdict: true,
        stages: Stages {
            review: false,
            synthesis: true,
        },
        ..Plan::of(question, &["mock/analyst"; 3], "mock/editor")
    };
    let (_, result) = finish(compared.clone(), Arc::new(Mock::default())).await;
    let verdict = result.unwrap();
    insta::assert_json_snapshot!(verdict.comparison.as_ref().unwrap());
    assert!(verdict.left_out.is_empty());
    let (_, again) = finish(compared, Arc::new(Mock::default())).await;
    assert_eq!(again.unwrap().comparison, verdict.comparison);
}

#[tokio::test(start_paused = true)]
async fn a_synthesizer_that_never_answers_leaves_a_degraded_verdict_at_the_deadline() {
    let started = Instant::now();
    let (_, result) = finish(
        plan(&["mock/analyst", "mock/skeptic"], "mock/stalled"),
        Arc::new(Mock::default()),
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
