use std::time::{Duration, Instant};

use serde_json::json;
use ultra_testenv::Stack;

use crate::harness::{Service, until};

#[tokio::test]
async fn the_report_tells_the_truth_about_a_database_and_a_cache_that_go_and_come_back() {
    let stack = Stack::builder()
        .postgres()
        .redis()
        .dedicated()
        .start()
        .await
        .unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let service = Service::start(
        &[
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", stack.redis().url()),
        ],
        None,
    )
    .await;
    service.dependency_is("database", "up").await;
    let report = service.dependency_is("cache", "up").await;
    assert_eq!(report["status"], "healthy");
    assert_eq!(report["dependencies"]["database"]["kind"], "postgres");
    assert!(
        report["dependencies"]["database"]["latency_ms"].is_number(),
        "{report}"
    );

    stack.redis().pause().await.unwrap();
    let report = service.dependency_is("cache", "down").await;
    assert_eq!(
        (&report["status"], &report["dependencies"]["cache"]["error"]),
        (&json!("degraded"), &json!("timeout"))
    );
    stack.postgres().kill().await.unwrap();
    let report = service.dependency_is("database", "down").await;
    assert!(
        report["dependencies"]["database"]["error"].is_string(),
        "{report}"
    );

    for path in ["/health", "/health/live", "/health/ready", "/health/startup"] {
        let asked = Instant::now();
        let response = service.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert!(
            asked.elapsed() < Duration::from_millis(500),
            "{path} took {:?}",
            asked.elapsed()
        );
    }

    stack.redis().unpause().await.unwrap();
    stack.postgres().start().await.unwrap();
    service.dependency_is("cache", "up").await;
    let report = service.dependency_is("database", "up").await;
    assert_eq!(report["status"], "healthy");
}

#[tokio::test]
async fn a_schema_that_is_too_old_keeps_a_service_that_only_checks_unready_until_it_is_migrated() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let application = {
        let vars = [
            ("DATABASE_URL", database.url()),
            ("ULTRA_DATABASE_MIGRATE", "check"),
            ("ULTRA_LISTEN", "127.0.0.1:0"),
            ("ULTRA_DATA_DIR", data.path().to_str().unwrap()),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = ultra_service::config::Config::from_env(vars).unwrap();
        ultra_service::startup::Application::build(config).await.unwrap()
    };
    let url = format!("http://{}/health/ready", application.local_addr());
    let running = tokio::spawn(application.run_until(std::future::pending()));
    let client = reqwest::Client::new();
    let ready = async || client.get(&url).send().await.unwrap();
    until("the schema is found too old", async || {
        let body = ready().await.text().await.unwrap();
        if body.contains("schema is too old") {
            Ok(())
        } else {
            Err(body)
        }
    })
    .await;

    // Another service of the same version migrates, as a Job would.
    let _migrating = Service::start(&[("DATABASE_URL", database.url())], None).await;
    until("the service becomes ready", async || {
        let status = ready().await.status().as_u16();
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await;
    running.abort();
}
