//! Of equal requests at the same time one does the work.

use serde_json::json;
use ultra_testenv::Stack;

use crate::harness::{QUESTION, Service, events};

#[tokio::test]
async fn equal_requests_on_two_replicas_at_the_same_time_ask_the_models_once() {
    let stack = Stack::builder().redis().start().await.unwrap();
    let vars = [("REDIS_URL", stack.redis().url())];
    let (one, other) = (
        Service::start(&vars, None).await,
        Service::start(&vars, None).await,
    );
    let asking = (0..20).map(|request| {
        let service = if request % 2 == 0 { &one } else { &other };
        service.ask(QUESTION)
    });
    let answers = futures::future::join_all(asking).await;
    let worked = answers.iter().filter(|answer| answer["cached"] == false).count();
    assert_eq!(worked, 1);
    for answer in &answers {
        assert_eq!(answer["answer"], answers[0]["answer"]);
    }
}

#[tokio::test]
async fn a_stream_that_waits_for_an_equal_request_ends_with_its_answer() {
    let service = Service::alone().await;
    let stream = async || {
        let request = service
            .post("/api/v1/analyses", &json!({"prompt": QUESTION}))
            .header("accept", "text/event-stream");
        let events = events(request.send().await.unwrap()).await;
        let (_, name, data) = events.last().unwrap().clone();
        assert_eq!(name, "analysis.completed");
        crate::harness::json_of(&data)
    };
    let (first, second) = tokio::join!(stream(), stream());
    assert_ne!(first["cached"], second["cached"], "{first} {second}");
    assert_eq!(first["answer"], second["answer"]);
    assert_ne!(first["id"], second["id"]);
}
