use std::time::{Duration, Instant};

use serde_json::json;
use ultra_testenv::Stack;

use crate::harness::{QUESTION, Service, until};

const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);

#[tokio::test]
async fn a_hung_or_killed_redis_costs_a_request_its_timeout_at_most_and_is_taken_back() {
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let service = Service::start(&[("REDIS_URL", stack.redis().url())], None).await;
    assert_eq!(service.ask(QUESTION).await["cached"], false);
    assert_eq!(service.ask(QUESTION).await["cache"], "redis");

    stack.redis().pause().await.unwrap();
    let asked = Instant::now();
    assert_eq!(service.ask(QUESTION).await["cached"], false);
    // The panel itself takes milliseconds; the rest is room for a busy machine.
    assert!(
        asked.elapsed() < RESPONSE_TIMEOUT + Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(service.ask(QUESTION).await["cache"], "memory");
    stack.redis().unpause().await.unwrap();
    until("redis is taken back", async || {
        let answer = service.ask(QUESTION).await;
        if answer["cache"] == "redis" {
            Ok(())
        } else {
            Err(answer["cache"].clone())
        }
    })
    .await;

    stack.redis().kill().await.unwrap();
    assert_eq!(service.ask("Does it go on?").await["cached"], false);
    stack.redis().start().await.unwrap();
    until("a new answer is remembered in redis", async || {
        let answer = service.ask("And now?").await;
        if answer["cache"] == "redis" {
            Ok(())
        } else {
            Err(answer["cache"].clone())
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_postgres_fails_no_panel_and_only_reading_waits_for_it() {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let vars = [
        ("DATABASE_URL", database.url()),
        ("ULTRA_DATABASE_ACQUIRE_TIMEOUT", "2s"),
    ];
    let service = Service::start(&vars, None).await;
    let first = service.ask(QUESTION).await;
    assert_eq!(first["stored"], true);
    let path = format!("/api/v1/analyses/{}", first["id"].as_str().unwrap());

    stack.postgres().pause().await.unwrap();
    assert_eq!(
        service.ask("A question to a hung database?").await["stored"],
        false
    );
    service.dependency_is("database", "down").await;
    let response = service.get(&path).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let asked = Instant::now();
    assert_eq!(
        service.ask("A question once the outage is known?").await["stored"],
        false
    );
    assert!(
        asked.elapsed() < Duration::from_millis(400),
        "{:?}",
        asked.elapsed()
    );
    stack.postgres().unpause().await.unwrap();
    service.dependency_is("database", "up").await;
    assert_eq!(service.ask("And after it?").await["stored"], true);

    stack.postgres().kill().await.unwrap();
    assert_eq!(
        service.ask("A question to a dead database?").await["stored"],
        false
    );
    stack.postgres().start().await.unwrap();
    let back = Instant::now();
    until("answers can be read again", async || {
        let status = service.get(&path).send().await.unwrap().status();
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await;
    until("answers are stored again", async || {
        let stored = service.ask("And once it lives?").await["stored"].clone();
        if stored == true { Ok(()) } else { Err(stored) }
    })
    .await;
    // Two seconds; the rest is room for a busy machine.
    assert!(back.elapsed() < Duration::from_secs(3), "{:?}", back.elapsed());
}

#[tokio::test]
async fn a_service_that_starts_before_its_database_becomes_ready_once_it_comes() {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    stack.postgres().stop().await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let vars = [
        ("DATABASE_URL", database.url()),
        ("ULTRA_LISTEN", "127.0.0.1:0"),
        ("ULTRA_DATA_DIR", data.path().to_str().unwrap()),
        ("ULTRA_DATABASE_ACQUIRE_TIMEOUT", "500ms"),
    ];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = ultra_service::config::Config::from_env(vars).unwrap();
    let application = ultra_service::startup::Application::build(config).await.unwrap();
    let url = format!("http://{}", application.local_addr());
    let running = tokio::spawn(application.run_until(std::future::pending()));
    let client = reqwest::Client::new();
    let ask = async |path: &str| {
        client
            .get(format!("{url}{path}"))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(
        (
            ask("/health/live").await,
            ask("/health/startup").await,
            ask("/health/ready").await
        ),
        (200, 503, 503)
    );

    // Panels need no database, so it answers even now.
    let body = json!({"prompt": QUESTION});
    let answer = client
        .post(format!("{url}/api/v1/analyses"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);

    stack.postgres().start().await.unwrap();
    until("the service becomes ready", async || {
        let status = ask("/health/ready").await;
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await;
    running.abort();
}
