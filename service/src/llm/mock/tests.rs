use std::{sync::Arc, time::Duration};

use super::*;
use crate::llm::{Completion, Message, complete};

async fn ask(model: &str, content: &str, change: impl FnOnce(&mut Request)) -> Result<Completion, Error> {
    let mut request = Request::new(model.parse().unwrap(), vec![Message::user(content)]);
    change(&mut request);
    let provider: Arc<dyn Provider> = Arc::new(Mock::default());
    complete(&provider, request).await
}

const QUESTION: &str = "Should a small team run its own Postgres?";

#[tokio::test]
async fn the_same_question_gets_the_same_answer_and_another_one_another() {
    let first = ask("mock/analyst", QUESTION, |_| {}).await.unwrap();
    let second = ask("mock/analyst", QUESTION, |_| {}).await.unwrap();
    let other = ask("mock/analyst", "Why do cats purr?", |_| {}).await.unwrap();
    assert_eq!(first, second);
    assert_ne!(first.text, other.text);
    assert!(first.text.contains("Postgres"), "{}", first.text);
    assert!(other.text.contains("purr"), "{}", other.text);
}

#[tokio::test]
async fn tokens_are_counted_and_bound_the_answer() {
    let whole = ask("mock/analyst", QUESTION, |_| {}).await.unwrap();
    assert_eq!(whole.usage.input_tokens, 8);
    assert_eq!(whole.finish, FinishReason::Stop);
    let cut = ask("mock/analyst", QUESTION, |request| {
        request.max_output_tokens = Some(3);
    })
    .await
    .unwrap();
    assert_eq!((cut.usage.output_tokens, cut.finish), (3, FinishReason::Length));
    assert!(whole.text.starts_with(&cut.text));
}

#[tokio::test]
async fn a_stop_text_ends_the_answer_before_it() {
    let stopped = ask("mock/analyst", QUESTION, |request| {
        request.stop = vec!["Postgres".to_owned()];
    })
    .await
    .unwrap();
    assert!(!stopped.text.contains("Postgres"));
    assert_eq!(stopped.finish, FinishReason::Stop);
}

#[tokio::test]
async fn a_review_quotes_the_peers_that_it_was_shown() {
    let message = format!(
        "Question:\n> {QUESTION}\n\nYour answer:\n> Mine. More.\n\nResponse B:\n> Backups decide. Etc.\n"
    );
    let review = ask("mock/skeptic", &message, |_| {}).await.unwrap();
    assert!(review.text.starts_with("Mine."), "{}", review.text);
    assert!(
        review.text.contains("Response B") && review.text.contains("Backups decide."),
        "{}",
        review.text
    );
}

#[tokio::test]
async fn a_synthesis_names_what_all_responses_share_and_each_ones_point() {
    let message = format!(
        "Question:\n> {QUESTION}\n\nResponse A:\n> Postgres is work.\n\nResponse B:\n> postgres needs a team.\n"
    );
    let synthesis = ask("mock/editor", &message, |_| {}).await.unwrap();
    assert!(
        synthesis.text.contains("Postgres matter most") || synthesis.text.contains("in common: Postgres")
    );
    assert!(
        synthesis.text.contains("- Response A: Postgres is work."),
        "{}",
        synthesis.text
    );
    assert!(
        synthesis.text.contains("- Response B: postgres needs a team."),
        "{}",
        synthesis.text
    );
}

#[tokio::test]
async fn some_stand_ins_fail_on_purpose() {
    let failed = ask("mock/unavailable", QUESTION, |_| {}).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })));
    let unknown = ask("mock/nobody", QUESTION, |_| {}).await;
    assert!(matches!(unknown, Err(Error::UnknownModel(_))));
}

async fn ask_scripted(script: &str, times: usize) -> Vec<Result<Completion, Error>> {
    let models = serde_yaml::from_str(script).unwrap();
    let provider: Arc<dyn Provider> = Arc::new(Mock::scripted(models));
    let mut answers = Vec::new();
    for _ in 0..times {
        let model = provider.models().last().unwrap().id.clone();
        answers.push(complete(&provider, Request::new(model, vec![Message::user(QUESTION)])).await);
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn a_stand_in_behaves_as_it_is_configured() {
    let begin = tokio::time::Instant::now();
    let script =
        "mock/z: {latency: 2s, pace: 100ms, answer: 'Yes, it does.', inputTokens: 900, outputTokens: 70}";
    let answer = ask_scripted(script, 1).await.remove(0).unwrap();
    assert_eq!(
        (
            answer.text.as_str(),
            answer.usage.input_tokens,
            answer.usage.output_tokens
        ),
        ("Yes, it does.", 900, 70)
    );
    assert_eq!(
        begin.elapsed(),
        Duration::from_millis(2_400),
        "three words and an end"
    );
}

#[tokio::test]
async fn a_stand_in_fails_as_often_and_in_the_way_that_is_configured() {
    let told = |answers: Vec<Result<Completion, Error>>| -> Vec<_> {
        answers
            .into_iter()
            .map(|answer| answer.err().map(|error| error.class()))
            .collect()
    };
    let thrice = ask_scripted("mock/z: {fail: rateLimited, failEvery: 3}", 6).await;
    let limited = Some("rate_limited");
    assert_eq!(told(thrice), [None, None, limited, None, None, limited]);
    for (fail, class) in [
        ("unavailable", "unavailable"),
        ("unauthorized", "unauthorized"),
        ("timeout", "timeout"),
        ("breaksOff", "incomplete"),
    ] {
        assert_eq!(
            told(ask_scripted(&format!("mock/z: {{fail: {fail}}}"), 1).await),
            [Some(class)]
        );
    }
}
