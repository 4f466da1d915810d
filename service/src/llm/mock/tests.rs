use std::sync::Arc;

use super::*;
use crate::llm::{Completion, Message, complete};

async fn ask(model: &str, content: &str, change: impl FnOnce(&mut Request)) -> Result<Completion, Error> {
    let mut request = Request::new(model.parse().unwrap(), vec![Message::user(content)]);
    change(&mut request);
    let provider: Arc<dyn Provider> = Arc::new(Mock);
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
