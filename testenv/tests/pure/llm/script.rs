use std::time::{Duration, Instant};

use serde_json::Value;
use ultra_testenv::{Llm, llm::Fault};

use super::client::{Format, QUESTION, events};

#[tokio::test]
async fn requests_are_recorded_with_what_they_carried() {
    let llm = Llm::scripted().start().await.unwrap();
    for format in Format::ALL {
        format.request(&llm, "some-model", false).send().await.unwrap();
    }
    let requests = llm.requests();
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    let expected = [
        "/v1/chat/completions",
        "/v1/messages",
        "/v1beta/models/some-model:generateContent",
    ];
    assert_eq!(paths, expected);
    assert!(requests.iter().all(|request| request.model == "some-model"));
    assert!(
        requests
            .iter()
            .all(|request| request.body.to_string().contains(QUESTION))
    );
    assert_eq!(requests[0].headers["authorization"], "Bearer sk-test");
    assert!(!format!("{requests:?}").contains("sk-"), "a key was printed");
}

#[tokio::test]
async fn equal_requests_get_equal_answers() {
    let llm = Llm::scripted().start().await.unwrap();
    for format in Format::ALL {
        let first: Value = format.send(&llm, false).await.json().await.unwrap();
        let second: Value = format.send(&llm, false).await.json().await.unwrap();
        assert_eq!(first, second);
    }
}

#[tokio::test]
async fn the_delay_comes_before_the_first_byte_and_the_pace_before_every_piece() {
    let (delay, pace) = (Duration::from_millis(60), Duration::from_millis(10));
    let llm = Llm::scripted().delay(delay).pace(pace).start().await.unwrap();
    let start = Instant::now();
    let response = Format::Gemini.send(&llm, true).await;
    assert!(start.elapsed() >= delay, "{:?}", start.elapsed());
    let pieces = events(response).await.len() as u32;
    assert!(start.elapsed() >= delay + pace * pieces, "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_script_can_change_while_running() {
    let llm = Llm::scripted()
        .always_fail(Fault::status(503))
        .start()
        .await
        .unwrap();
    assert_eq!(Format::OpenAi.send(&llm, false).await.status(), 503);
    assert_eq!(Format::OpenAi.send(&llm, false).await.status(), 503);
    llm.set_script(Llm::scripted());
    assert_eq!(Format::OpenAi.send(&llm, false).await.status(), 200);
}

#[tokio::test]
async fn a_model_of_its_own_rule_fails_alone() {
    let llm = Llm::scripted()
        .for_model("bad")
        .always_fail(Fault::status(500))
        .start()
        .await
        .unwrap();
    let good = Format::OpenAi.request(&llm, "good", false).send();
    let bad = Format::OpenAi.request(&llm, "bad", false).send();
    let (good, bad) = tokio::join!(good, bad);
    assert_eq!(
        (good.unwrap().status().as_u16(), bad.unwrap().status().as_u16()),
        (200, 500)
    );
}
