use std::time::{Duration, Instant};

use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use serde_json::json;

use crate::harness::{QUESTION, Service, until};

#[tokio::test]
async fn readiness_goes_first_and_an_open_stream_is_finished() {
    let mut service = Service::alone().await;
    let body =
        json!({"model": "mock/slow", "stream": true, "messages": [{"role": "user", "content": QUESTION}]});
    let response = service.post("/v1/chat/completions", &body).send().await.unwrap();
    let mut stream = response.bytes_stream().eventsource();
    stream.next().await.unwrap().unwrap();

    service.shut_down();
    until("readiness is gone", async || {
        let status = service
            .get("/health/ready")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16();
        if status == 503 { Ok(()) } else { Err(status) }
    })
    .await;
    assert_eq!(service.get("/health/live").send().await.unwrap().status(), 200);
    let during = service.ask("A question that comes late?").await;
    assert_eq!(during["stored"], true);

    let rest: Vec<_> = stream.map(|event| event.unwrap().data).collect().await;
    assert_eq!(rest.last().map(String::as_str), Some("[DONE]"));
    tokio::time::timeout(Duration::from_secs(5), service.running)
        .await
        .expect("it did not end")
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_cut_when_the_time_to_drain_is_over() {
    let mut service = Service::start(&[("ULTRA_HTTP_DRAIN_TIMEOUT", "300ms")], None).await;
    let body =
        json!({"model": "mock/stalled", "stream": true, "messages": [{"role": "user", "content": QUESTION}]});
    let response = service.post("/v1/chat/completions", &body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let asked = Instant::now();
    service.shut_down();
    service.running.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_idle_service_ends_at_once() {
    let mut service = Service::alone().await;
    let asked = Instant::now();
    service.shut_down();
    service.running.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}
