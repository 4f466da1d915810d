//! What was used, as those see it who pay for it.

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};
use ultra_testenv::Stack;

use crate::{
    auth::people::{ADMIN, CHEAP},
    harness::{QUESTION, Service, answer_to, events, until},
    promise::{self, Blow},
};

const PRICES: &str = "
prices:
  mock/analyst: {inputPerMillion: '1000', outputPerMillion: '2000'}
  mock/skeptic: {inputPerMillion: '1000', outputPerMillion: '2000'}
  mock/pragmatist: {inputPerMillion: '1000', outputPerMillion: '2000'}
  mock/editor: {inputPerMillion: '1000', outputPerMillion: '2000'}
";

fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": QUESTION}]})
}

impl Service {
    /// The usage of these days, once it has so many requests.
    pub(crate) async fn usage(&self, path: &str, token: Option<&str>, requests: u64) -> Value {
        until(&format!("{path} tells {requests} requests"), async || {
            let mut request = self.get(path);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let usage = answer_to(request).await;
            if usage["total"]["requests"] == requests {
                Ok(usage)
            } else {
                Err(usage)
            }
        })
        .await
    }
}

/// The entry of a model.
fn of<'a>(usage: &'a Value, model: &str) -> &'a Value {
    let days = usage["days"].as_array().unwrap();
    let found = days.iter().find(|day| day["model"] == model);
    found.unwrap_or_else(|| panic!("{model} is not in {usage}"))
}

/// What so many tokens cost, at the prices above.
fn cost(entry: &Value) -> f64 {
    let tokens = |name: &str| entry[name].as_u64().unwrap() as f64;
    (tokens("input_tokens") * 1_000.0 + tokens("output_tokens") * 2_000.0) / 1e6
}

fn is_about(text: &Value, expected: f64) {
    let found: f64 = text.as_str().unwrap().parse().unwrap();
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

#[tokio::test]
async fn every_answer_is_recorded_with_what_it_took_and_a_remembered_one_took_nothing() {
    let service = Service::start(&[], Some(PRICES)).await;
    let asked = service.ask(QUESTION).await;
    assert_eq!(service.ask(QUESTION).await["cached"], true);
    let usage = service.usage("/api/v1/usage", None, 2).await;
    let panel = of(&usage, "ultra");
    for name in ["input_tokens", "output_tokens"] {
        assert_eq!(panel[name], asked["usage"][name], "{name}");
    }
    is_about(&panel["cost"], cost(panel));
    assert_eq!(usage["total"]["cost"], panel["cost"]);

    let answer = service.post("/v1/chat/completions", &chat("mock/analyst", false));
    let answer = answer_to(answer).await;
    let stream = service.post("/v1/chat/completions", &chat("mock/analyst", true));
    let stream = stream.send().await.unwrap().text().await.unwrap();
    assert!(stream.ends_with("[DONE]\n\n"));
    let stream = json!({"prompt": "Another question?"});
    let stream = service.post("/api/v1/analyses", &stream);
    let stream = stream.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(events(stream).await.last().unwrap().1, "analysis.completed");
    let usage = service.usage("/api/v1/usage", None, 5).await;
    let chats = of(&usage, "mock/analyst");
    assert_eq!(chats["requests"], 2);
    assert_eq!(
        chats["output_tokens"].as_u64().unwrap(),
        2 * answer["usage"]["completion_tokens"].as_u64().unwrap()
    );
    is_about(&chats["cost"], cost(chats));
    assert_eq!(of(&usage, "ultra")["requests"], 3);
}

#[tokio::test]
async fn what_fails_is_recorded_and_who_goes_away_pays_for_what_was_written() {
    let service = Service::alone().await;
    let failing = service.post("/v1/chat/completions", &chat("mock/unavailable", false));
    assert_eq!(failing.send().await.unwrap().status(), 503);
    let usage = service.usage("/api/v1/usage", None, 1).await;
    assert_eq!(of(&usage, "mock/unavailable")["input_tokens"], 0);

    let slow = service.post("/v1/chat/completions", &chat("mock/slow", true));
    let mut slow = slow.send().await.unwrap().bytes_stream();
    for _ in 0..5 {
        slow.next().await.unwrap().unwrap();
    }
    drop(slow);
    let usage = service.usage("/api/v1/usage", None, 2).await;
    let written = of(&usage, "mock/slow");
    assert!(written["input_tokens"].as_u64().unwrap() > 0, "{written}");
    assert!(written["output_tokens"].as_u64().unwrap() > 0, "{written}");
}

#[tokio::test]
async fn everybody_sees_their_own_usage_and_admins_see_all() {
    let vars: Vec<_> = CHEAP
        .iter()
        .chain(&ADMIN)
        .copied()
        .chain([
            ("ULTRA_AUTH_REGISTRATION", "open"),
            ("ULTRA_AUTH_ANONYMOUS", "true"),
            ("ULTRA_AUTH_TRIES_PER_ACCOUNT", "100000"),
        ])
        .collect();
    let service = Service::start(&vars, None).await;
    let ada = service.user("ada@example.com").await;
    let bob = service.user("bob@example.com").await;
    let (_, key) = service
        .new_key(
            &ada.access,
            &json!({"name": "key", "scopes": ["inference", "history"]}),
        )
        .await;
    for (token, times) in [
        (Some(&ada.access), 1),
        (Some(&key), 2),
        (Some(&bob.access), 3),
        (None, 4),
    ] {
        for _ in 0..times {
            let mut request = service.post("/v1/chat/completions", &chat("mock/analyst", false));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            assert_eq!(request.send().await.unwrap().status(), 200);
        }
    }
    let own = "/api/v1/usage";
    service.usage(own, Some(&ada.access), 3).await;
    service.usage(own, Some(&key), 3).await;
    service.usage(own, Some(&bob.access), 3).await;
    service.usage(own, None, 4).await;
    service
        .usage(
            &format!("{own}?from=2020-01-01&to=2020-12-31"),
            Some(&ada.access),
            0,
        )
        .await;

    let admin = service.admin().await.access;
    let me = service.get("/api/v1/auth/me").bearer_auth(&bob.access);
    let me = answer_to(me).await;
    let all = "/api/v1/admin/usage";
    let of_bob = format!("{all}?user={}", me["id"].as_str().unwrap());
    service.usage(&of_bob, Some(&admin), 3).await;
    service
        .usage(&format!("{all}?user=anonymous"), Some(&admin), 4)
        .await;
    service.usage(all, Some(&admin), 10).await;
    for wrong in [
        "?user=bob",
        "?from=yesterday",
        "?from=2020-01-01",
        "?from=2026-01-02&to=2026-01-01",
    ] {
        let response = service.get(&format!("{all}{wrong}")).bearer_auth(&admin);
        assert_eq!(response.send().await.unwrap().status(), 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_record_has_no_room_nothing_begins_until_the_database_has_taken_some() {
    const CLIENTS: usize = 8;
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let vars = [
        ("DATABASE_URL", database.url()),
        ("ULTRA_DATABASE_ACQUIRE_TIMEOUT", "500ms"),
        ("ULTRA_LEDGER_SPOOL_SIZE", "2097152"),
    ];
    let service = Service::start(&vars, None).await;
    stack.postgres().stop().await.unwrap();
    let until_full = async || {
        let mut answered = 0;
        loop {
            let response = service.post("/v1/chat/completions", &chat("mock/analyst", false));
            let response = response.send().await.unwrap();
            match response.status().as_u16() {
                200 => answered += 1,
                status => return (answered, status, response),
            }
        }
    };
    let ends = futures::future::join_all((0..CLIENTS).map(|_| until_full())).await;
    let mut answered = 0;
    for (count, status, response) in ends {
        answered += count;
        assert_eq!(status, 503);
        assert!(response.headers().contains_key("retry-after"));
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], "ledger_full", "{body}");
    }
    let panel = service.post("/api/v1/analyses", &json!({"prompt": QUESTION}));
    assert_eq!(panel.send().await.unwrap().status(), 503);

    stack.postgres().start().await.unwrap();
    until("a request is answered again", async || {
        let request = service.post("/v1/chat/completions", &chat("mock/analyst", false));
        match request.send().await.unwrap().status().as_u16() {
            200 => Ok(()),
            status => Err(status),
        }
    })
    .await;
    service.dependency_is("database", "up").await;
    service.usage("/api/v1/usage", None, answered + 1).await;
}

#[tokio::test]
async fn a_service_that_ends_has_written_everything_and_leaves_its_spool_to_the_next() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let vars = [
        ("DATABASE_URL", database.url()),
        ("ULTRA_DATA_DIR", folder.path().to_str().unwrap()),
        ("ULTRA_HTTP_DRAIN_TIMEOUT", "500ms"),
    ];
    let mut service = Service::start(&vars, None).await;
    let stalled = service.post("/v1/chat/completions", &chat("mock/stalled", true));
    let _stalled = stalled.send().await.unwrap();
    service.ask(QUESTION).await;
    service.shut_down();
    let ended = tokio::time::timeout(Duration::from_secs(10), service.running).await;
    ended.expect("it did not end").unwrap().unwrap();

    let next = Service::start(&vars, None).await;
    let usage = answer_to(next.get("/api/v1/usage")).await;
    assert_eq!(of(&usage, "ultra")["requests"], 1);
    assert_eq!(
        of(&usage, "mock/stalled")["requests"],
        1,
        "what was cut is recorded too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_every_whole_answer_has_one_record() {
    promise::keeps(1_000, &[Blow::Postgres, Blow::Both, Blow::Service]).await;
}
