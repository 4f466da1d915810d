//! Streams that go on where they broke off, and those that do not.

use std::time::{Duration, Instant};

use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use reqwest::Response;
use serde_json::{Value, json};
use ultra_testenv::Stack;

use crate::{
    auth,
    harness::{QUESTION, Service, answer_to, events, json_of, until},
};

/// Two members that take their time: 50 ms a word.
fn slow(resumable: bool) -> Value {
    let options = json!({
        "models": ["slow", "slow"], "synthesizer": "slow", "stages": ["initial_response", "ultra_synthesis"],
        "resumable": resumable, "cache": false,
    });
    json!({"prompt": QUESTION, "options": options})
}

async fn stream(service: &Service, body: &Value) -> Response {
    let request = service
        .post("/api/v1/analyses", body)
        .header("accept", "text/event-stream");
    request.send().await.unwrap()
}

/// Reads the first events, and goes away. Gives the id of the analysis and that of the last event.
async fn read_some(response: Response, count: usize) -> (String, u64) {
    assert_eq!(response.status(), 200);
    let mut stream = response.bytes_stream().eventsource();
    let (mut id, mut last) = (String::new(), 0);
    for _ in 0..count {
        let event = stream.next().await.unwrap().unwrap();
        last = event.id.parse().unwrap();
        if event.event == "analysis.started" {
            id = json_of(&event.data)["id"].as_str().unwrap().to_owned();
        }
    }
    (id, last)
}

fn resume(service: &Service, id: &str, last: Option<u64>) -> reqwest::RequestBuilder {
    let request = service.get(&format!("/api/v1/analyses/{id}/events"));
    match last {
        Some(last) => request.header("last-event-id", last),
        None => request,
    }
}

/// All that follows the last event that was seen is there, once and in order.
fn is_the_rest(events: &[(String, String, String)], last: u64) {
    let ids: Vec<u64> = events.iter().map(|(id, ..)| id.parse().unwrap()).collect();
    assert_eq!(ids, (last + 1..=last + ids.len() as u64).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap().1, "analysis.completed");
}

#[tokio::test]
async fn a_stream_that_broke_off_is_read_on_and_read_again() {
    let service = Service::alone().await;
    let (id, last) = read_some(stream(&service, &slow(true)).await, 5).await;
    let rest = events(resume(&service, &id, Some(last)).send().await.unwrap()).await;
    is_the_rest(&rest, last);
    let all = events(resume(&service, &id, None).send().await.unwrap()).await;
    assert_eq!(all[usize::try_from(last).unwrap() + 1..], rest[..]);
    assert_eq!(all[0].1, "analysis.started");
    let stored = answer_to(service.get(&format!("/api/v1/analyses/{id}"))).await;
    assert_eq!(json_of(&rest.last().unwrap().2)["answer"], stored["answer"]);
}

#[tokio::test]
async fn a_stream_is_read_on_at_another_replica() {
    let stack = Stack::builder().redis().start().await.unwrap();
    let vars = [("REDIS_URL", stack.redis().url())];
    let (one, other) = (
        Service::start(&vars, None).await,
        Service::start(&vars, None).await,
    );
    let (id, last) = read_some(stream(&one, &slow(true)).await, 4).await;
    let response = until("the events are at the other replica", async || {
        let response = resume(&other, &id, Some(last)).send().await.unwrap();
        if response.status() == 200 {
            Ok(response)
        } else {
            Err(response.status())
        }
    })
    .await;
    let rest = events(response).await;
    is_the_rest(&rest, last);
    let here = events(resume(&one, &id, Some(last)).send().await.unwrap()).await;
    assert_eq!(here, rest);
}

#[tokio::test]
async fn only_the_owner_reads_a_stream_on_and_only_one_that_is_resumable() {
    let service = auth::people::service().await;
    let (ada, bob) = (
        service.user("ada@example.com").await.access,
        service.user("bob@example.com").await.access,
    );
    let ask = async |resumable| {
        let request = service
            .post("/api/v1/analyses", &slow(resumable))
            .bearer_auth(&ada)
            .header("accept", "text/event-stream");
        read_some(request.send().await.unwrap(), 2).await.0
    };
    let status = async |id: &str, token: &str| {
        let response = resume(&service, id, None)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        response.status().as_u16()
    };
    let resumable = ask(true).await;
    assert_eq!(
        (status(&resumable, &bob).await, status(&resumable, &ada).await),
        (404, 200)
    );
    let plain = ask(false).await;
    assert_eq!(status(&plain, &ada).await, 404);
    assert_eq!(status("no-id", &ada).await, 404);
    let wrong = resume(&service, &resumable, None)
        .bearer_auth(&ada)
        .header("last-event-id", "x");
    assert_eq!(wrong.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_every_call_at_once_and_pays_for_what_it_got() {
    let service = auth::people::service().await;
    let (ada, admin) = (
        service.user("ada@example.com").await.access,
        service.admin().await.access,
    );
    let open = async || {
        let health = answer_to(service.get("/health?detailed").bearer_auth(&admin)).await;
        health["dependencies"]["ledger"]["detail"]["open"]
            .as_u64()
            .unwrap()
    };
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let request = service
            .post("/api/v1/analyses", &slow(false))
            .bearer_auth(&ada)
            .header("accept", "text/event-stream");
        let response = request.send().await.unwrap();
        assert_eq!(open().await, 1);
        let _ = read_some(response, 3).await;
        let gone = Instant::now();
        while open().await > 0 {
            assert!(gone.elapsed() < Duration::from_secs(10), "the calls go on");
        }
        fastest = fastest.min(gone.elapsed());
    }
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");
    let used = service.usage("/api/v1/usage", Some(&ada), 5).await;
    assert!(used["total"]["input_tokens"].as_u64().unwrap() > 0, "{used}");
}
