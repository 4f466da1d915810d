use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ultra_testenv::Stack;

use crate::{
    auth::people::{problem, service_with},
    harness::{Service, answer_to, redis_at, until},
};

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
    assert_eq!(report["status"], "pass");
    assert_eq!(report["dependencies"]["database"]["kind"], "postgres");
    assert!(
        report["dependencies"]["database"]["latency_ms"].is_number(),
        "{report}"
    );

    stack.redis().pause().await.unwrap();
    let report = service.dependency_is("cache", "down").await;
    assert_eq!(
        (&report["status"], &report["dependencies"]["cache"]["error"]),
        (&json!("warn"), &json!("timeout"))
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
    assert_eq!(report["status"], "pass");
}

#[tokio::test]
async fn everybody_sees_the_summary_and_admins_alone_what_is_inside() {
    let master = "one:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    let service = service_with(&[("ULTRA_MASTER_KEY", master)]).await;
    let (user, admin) = (service.user("ada@example.com").await, service.admin().await);
    for path in ["/health", "/api/health"] {
        let response = service.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/health+json");
        let report: Value = response.json().await.unwrap();
        assert_eq!(report["environment"], "testing");
        assert!(report["releaseId"].is_string(), "{report}");
        for dependency in report["dependencies"].as_object().unwrap().values() {
            assert!(dependency.get("detail").is_none(), "{report}");
        }

        let detailed = format!("{path}?detailed");
        assert_eq!(
            problem(service.get(&detailed)).await,
            (401, "unauthenticated".to_owned())
        );
        let asked = service.get(&detailed).bearer_auth(&user.access);
        assert_eq!(problem(asked).await, (403, "forbidden".to_owned()));
        let asked = service.get(&format!("{path}?detailed=perhaps"));
        assert_eq!(problem(asked).await, (400, "malformed-query".to_owned()));
        let report = until("the stored keys are counted", async || {
            let asked = service.get(&detailed).bearer_auth(&admin.access);
            let report = answer_to(asked).await;
            match report["dependencies"]["provider_keys"]["status"] == "up" {
                true => Ok(report),
                false => Err(report),
            }
        })
        .await;
        let detail = |name: &str| &report["dependencies"][name]["detail"];
        assert!(
            detail("database")["pool"]["size"].as_u64().unwrap() >= 1,
            "{report}"
        );
        assert!(detail("cache")["memory"]["max_bytes"].is_u64(), "{report}");
        assert_eq!(detail("access_tokens")["keys"][0]["signs"], true, "{report}");
        assert_eq!(
            detail("provider_keys")["keys_under"],
            json!({"one": 0}),
            "{report}"
        );
        assert!(!report.to_string().contains("AQIDBAUG"), "a master key is shown");
    }
}

#[tokio::test]
async fn a_redis_that_answers_and_keeps_nothing_is_degraded() {
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let service = Service::start(&[("REDIS_URL", stack.redis().url())], None).await;
    service.dependency_is("cache", "up").await;
    let mut redis = redis_at(stack.redis().url()).await;
    let mut set = async |limit: &str| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("maxmemory").arg(limit);
        command.exec_async(&mut redis).await.unwrap();
    };
    set("1").await;
    let report = service.dependency_is("cache", "degraded").await;
    assert_eq!(report["dependencies"]["cache"]["error"], "out_of_memory");
    assert_eq!(
        (&report["status"], &report["output"]),
        (&json!("warn"), &json!("cache: degraded (out_of_memory)"))
    );
    assert_eq!(service.ask("Who remembers this?").await["cached"], false);
    assert_eq!(service.ask("Who remembers this?").await["cache"], "memory");
    set("0").await;
    service.dependency_is("cache", "up").await;
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
    let base = format!("http://{}/health", application.local_addr());
    let url = format!("{base}/ready");
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

    let failing = client.get(&base).send().await.unwrap();
    assert_eq!(failing.status(), 503);
    assert!(failing.headers().contains_key("retry-after"));
    assert_eq!(failing.headers()["content-type"], "application/health+json");
    let report: Value = failing.json().await.unwrap();
    let output = report["output"].as_str().unwrap_or_default();
    assert!(
        report["status"] == "fail" && output.contains("too old"),
        "{report}"
    );

    // Another service of the same version migrates, as a Job would.
    let _migrating = Service::start(&[("DATABASE_URL", database.url())], None).await;
    until("the service becomes ready", async || {
        let status = ready().await.status().as_u16();
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await;
    running.abort();
}
