//! The same `Idempotency-Key` and body are answered once.

use std::time::Duration;

use futures::future::join_all;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use ultra_service::{
    config::DatabaseTarget,
    domain::Account,
    store::{Digest, Once, OnceClaim},
};
use ultra_testenv::Stack;
use uuid::Uuid;

use crate::{
    auth,
    harness::{QUESTION, Service, until},
    store::fresh::open,
};

const A_BUSY_MACHINE_IS_NO_OUTAGE: (&str, &str) = ("ULTRA_DATABASE_ACQUIRE_TIMEOUT", "30s");

fn analysis(service: &Service, key: &str, prompt: &str) -> RequestBuilder {
    let body = json!({"prompt": prompt, "options": {"cache": false}});
    service
        .post("/api/v1/analyses", &body)
        .header("idempotency-key", key)
}

fn chat(service: &Service, key: &str, model: &str) -> RequestBuilder {
    let body = json!({"model": model, "messages": [{"role": "user", "content": QUESTION}]});
    service
        .post("/v1/chat/completions", &body)
        .header("idempotency-key", key)
}

fn is_replayed(response: &Response) -> bool {
    response
        .headers()
        .get("idempotency-replayed")
        .is_some_and(|value| value == "true")
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let problem = body["type"].as_str().and_then(|kind| kind.rsplit('/').next());
    let code = problem.or(body["error"]["code"].as_str());
    (status, code.unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_same_key_and_body_are_answered_once_by_both_apis() {
    let service = Service::alone().await;
    for request in [
        analysis(&service, "one", QUESTION),
        chat(&service, "two", "ultra"),
        chat(&service, "three", "mock/analyst"),
    ] {
        let again = request.try_clone().unwrap();
        let first = request.send().await.unwrap();
        assert_eq!((first.status().as_u16(), is_replayed(&first)), (200, false));
        let second = again.send().await.unwrap();
        assert_eq!((second.status().as_u16(), is_replayed(&second)), (200, true));
        for name in ["content-type", "x-ultra-analysis-id", "x-ultra-cache"] {
            assert_eq!(first.headers().get(name), second.headers().get(name), "{name}");
        }
        assert_eq!(first.bytes().await.unwrap(), second.bytes().await.unwrap());
    }
    let usage = service.usage("/api/v1/usage", None, 3).await;
    assert_eq!(usage["total"]["requests"], 3, "nothing is done twice");
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_account() {
    let service = auth::people::service().await;
    let (ada, bob) = (
        service.user("ada@example.com").await.access,
        service.user("bob@example.com").await.access,
    );
    let send = async |token: &str, key: &str, prompt: &str| {
        let request = analysis(&service, key, prompt).bearer_auth(token);
        request.send().await.unwrap()
    };
    assert_eq!(send(&ada, "key", QUESTION).await.status(), 200);
    let other = send(&ada, "key", "Why do cats purr?").await;
    assert_eq!(code(other).await, (422, "idempotency-key-reused".to_owned()));
    let elsewhere = chat(&service, "key", "ultra")
        .bearer_auth(&ada)
        .send()
        .await
        .unwrap();
    assert_eq!(code(elsewhere).await, (422, "idempotency_key_reused".to_owned()));
    assert!(
        !is_replayed(&send(&bob, "key", QUESTION).await),
        "bob's is another"
    );
    assert!(
        is_replayed(&send(&ada, "\"key\"", QUESTION).await),
        "quoted, as the draft has it"
    );
    for wrong in ["", &"k".repeat(256)] {
        let refused = send(&ada, wrong, QUESTION).await;
        assert_eq!(code(refused).await, (400, "invalid-idempotency-key".to_owned()));
    }
}

#[tokio::test]
async fn what_is_under_way_is_not_begun_again_by_any_replica() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let vars = [("DATABASE_URL", database.url()), A_BUSY_MACHINE_IS_NO_OUTAGE];
    let replicas = [
        Service::start(&vars, None).await,
        Service::start(&vars, None).await,
    ];
    for replica in &replicas {
        replica.dependency_is("database", "up").await;
    }
    let requests = (0..10).map(|index| chat(&replicas[index % 2], "key", "mock/slow").send());
    let (mut answered, mut replayed, mut refused) = (0, 0, 0);
    for response in join_all(requests).await {
        let response = response.unwrap();
        if response.status() == 200 {
            // On a busy machine some come when the first one is answered already.
            answered += usize::from(!is_replayed(&response));
            replayed += usize::from(is_replayed(&response));
        } else {
            let wait = response.headers()["retry-after"]
                .to_str()
                .unwrap()
                .parse::<u64>()
                .unwrap();
            assert!((1..=5).contains(&wait));
            assert_eq!(
                code(response).await,
                (409, "idempotency_key_under_way".to_owned())
            );
            refused += 1;
        }
    }
    assert_eq!((answered, replayed + refused), (1, 9));
    assert!(refused > 0, "nobody came meanwhile");
    for replica in &replicas {
        assert!(is_replayed(
            &chat(replica, "key", "mock/slow").send().await.unwrap()
        ));
    }
}

#[tokio::test]
async fn a_failure_a_client_that_went_away_and_a_holder_that_died_leave_the_key_free() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let vars = [("DATABASE_URL", database.url()), A_BUSY_MACHINE_IS_NO_OUTAGE];
    let service = Service::start(&vars, None).await;
    service.dependency_is("database", "up").await;

    let failed = async || chat(&service, "failed", "mock/unavailable").send().await.unwrap();
    assert_eq!(failed().await.status(), 503);
    until("the key is free after a failure", async || {
        let response = failed().await;
        match response.status().as_u16() {
            503 if !is_replayed(&response) => Ok(()),
            status => Err(status),
        }
    })
    .await;

    let slow = chat(&service, "gone", "mock/slow").timeout(Duration::from_millis(300));
    assert!(slow.send().await.unwrap_err().is_timeout());
    until("the key is free after its client went away", async || {
        let response = chat(&service, "gone", "mock/slow").send().await.unwrap();
        if response.status() == 200 {
            Ok(())
        } else {
            Err(response.status())
        }
    })
    .await;

    // A process that was killed says nothing more: its lease ends.
    let store = open(DatabaseTarget::Postgres(database.url().to_owned().into())).await;
    let body = chat(&service, "died", "mock/analyst").build().unwrap();
    let body = body.body().unwrap().as_bytes().unwrap().to_vec();
    let now = OffsetDateTime::now_utc();
    let claim = OnceClaim {
        name: Digest::of(&[b"anonymous", b"died"]),
        account: Account::Anonymous,
        fingerprint: Digest::of(&[b"/v1/chat/completions", &body]),
        holder: Uuid::new_v4(),
        now,
        held_until: now + Duration::from_secs(2),
        expires_at: now + Duration::from_secs(86_400),
    };
    assert_eq!(store.claim_once(&claim).await.unwrap(), Once::Claimed);
    let died = async || chat(&service, "died", "mock/analyst").send().await.unwrap();
    assert_eq!(died().await.status(), 409);
    until("the lease of the dead is over", async || {
        match died().await.status().as_u16() {
            200 => Ok(()),
            status => Err(status),
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_cannot_be_answered_once() {
    let service = Service::alone().await;
    let stream = analysis(&service, "key", QUESTION).header("accept", "text/event-stream");
    let refused = stream.send().await.unwrap();
    assert_eq!(code(refused).await, (422, "idempotency-key-on-stream".to_owned()));
    let body = json!({"model": "ultra", "stream": true, "messages": [{"role": "user", "content": QUESTION}]});
    let stream = service
        .post("/v1/chat/completions", &body)
        .header("idempotency-key", "key");
    let refused = stream.send().await.unwrap();
    assert_eq!(code(refused).await, (422, "idempotency_key_on_stream".to_owned()));
}

#[tokio::test]
async fn without_the_database_the_promise_is_not_given_and_everything_else_goes_on() {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let vars = [
        ("DATABASE_URL", database.url()),
        ("ULTRA_DATABASE_ACQUIRE_TIMEOUT", "10s"),
    ];
    let service = Service::start(&vars, None).await;
    assert_eq!(
        analysis(&service, "key", QUESTION).send().await.unwrap().status(),
        200
    );
    stack.postgres().kill().await.unwrap();
    let refused = analysis(&service, "key", QUESTION).send().await.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(code(refused).await, (503, "idempotency-unavailable".to_owned()));
    assert!(!service.ask(QUESTION).await["answer"].as_str().unwrap().is_empty());
    stack.postgres().start().await.unwrap();
    until("the promise is given again", async || {
        let response = analysis(&service, "key", QUESTION).send().await.unwrap();
        if is_replayed(&response) {
            Ok(())
        } else {
            Err(response.status())
        }
    })
    .await;
}
