use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use eventsource_stream::Eventsource as _;
use futures::{StreamExt as _, future::join_all};
use serde_json::json;
use tempfile::TempDir;
use time::OffsetDateTime;
use ultra_service::{config::Config, store};

use crate::{
    harness::{QUESTION, Service, until},
    program::Program,
};

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

/// Its spool may go with its pod.
#[tokio::test]
async fn what_was_cut_when_the_time_to_drain_was_over_is_in_the_store() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().display().to_string();
    let vars = [
        ("ULTRA_HTTP_DRAIN_TIMEOUT", "300ms"),
        ("ULTRA_DATA_DIR", data.as_str()),
    ];
    let mut service = Service::start(&vars, None).await;
    let body =
        json!({"model": "mock/stalled", "stream": true, "messages": [{"role": "user", "content": QUESTION}]});
    let response = service.post("/v1/chat/completions", &body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    service.shut_down();
    service.running.await.unwrap().unwrap();
    let config = Config::from_env([("ULTRA_DATA_DIR".to_owned(), data)]).unwrap();
    let store = store::open(&config.database).await.unwrap();
    let today = OffsetDateTime::now_utc().date();
    let used = store
        .usage_by_day(None, today.previous_day().unwrap(), today)
        .await
        .unwrap();
    assert_eq!(used.iter().map(|day| day.requests).sum::<u64>(), 1, "{used:?}");
}

#[tokio::test]
async fn an_idle_service_ends_at_once() {
    let mut service = Service::alone().await;
    let asked = Instant::now();
    service.shut_down();
    service.running.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

/// Asks over and over, each time on a connection of its own, until nobody listens any more. Every request that found
/// somebody has a whole answer.
async fn ask_until_nobody_listens(url: &str, answered: &AtomicUsize) {
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let body = json!({"model": "mock/analyst", "messages": [{"role": "user", "content": QUESTION}]});
    loop {
        let request = client.post(format!("{url}/v1/chat/completions")).json(&body);
        match request.send().await {
            Ok(response) => {
                assert_eq!(response.status(), 200);
                response.text().await.unwrap();
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                assert!(error.is_connect(), "{error:?}");
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_resets_no_connection_and_cuts_no_stream() {
    const STREAMS: usize = 20;
    let mut program = Program::start_with_room(&[]).await;
    program.until_ready().await;
    let body =
        json!({"model": "mock/slow", "stream": true, "messages": [{"role": "user", "content": QUESTION}]});
    let streams = join_all((0..STREAMS).map(async |_| {
        let request = program
            .client
            .post(format!("{}/v1/chat/completions", program.url));
        let response = request.json(&body).send().await.unwrap();
        let mut stream = response.bytes_stream().eventsource();
        stream.next().await.unwrap().unwrap();
        stream
    }))
    .await;
    let answered = AtomicUsize::new(0);
    let clients = join_all((0..8).map(|_| ask_until_nobody_listens(&program.url, &answered)));
    let terminate = async {
        until("the load is steady", async || {
            match answered.load(Ordering::Relaxed) {
                many if many > 100 => Ok(()),
                few => Err(few),
            }
        })
        .await;
        program.terminate();
    };
    let ends = join_all(streams.into_iter().map(async |stream| {
        let rest: Vec<_> = stream.map(|event| event.unwrap().data).collect().await;
        rest.last().cloned()
    }));
    let (_, (), ends) = tokio::join!(clients, terminate, ends);
    let done = Some("[DONE]".to_owned());
    assert!(ends.iter().all(|end| *end == done), "{ends:?}");
    let status = program.ended().await;
    assert!(status.success(), "{status}: {}", program.log());
}
