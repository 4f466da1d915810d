//! What credentials are worth while the database is away.

use std::time::{Duration, Instant};

use serde_json::json;
use ultra_service::{config::Config, startup::Application};
use ultra_testenv::Stack;

use super::people::{ADMIN, CHEAP, PASSWORD, problem};
use crate::harness::{QUESTION, ROOM, Service, until};

/// How long a call waits for the database, where nothing else is said.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_lost_database_refuses_nobody_who_is_known_and_blames_itself_for_the_rest() {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let vars: Vec<_> = CHEAP
        .iter()
        .chain(&ADMIN)
        .copied()
        .chain([
            ("ULTRA_AUTH_REGISTRATION", "open"),
            ("DATABASE_URL", stack.postgres().url()),
        ])
        .collect();
    let service = Service::start(&vars, None).await;
    let user = service.user("ada@example.com").await;
    let (_, used) = service.new_key(&user.access, &json!({"name": "used"})).await;
    let (_, unused) = service.new_key(&user.access, &json!({"name": "unused"})).await;
    assert_eq!(service.asks(&used).await, 200);

    stack.postgres().stop().await.unwrap();
    service.dependency_is("database", "down").await;
    assert_eq!(
        service.asks(&user.access).await,
        200,
        "a signed token needs no database"
    );
    assert_eq!(
        service.asks(&used).await,
        200,
        "a key that was seen a moment ago is known"
    );
    let unavailable = (503, "store-unavailable".to_owned());
    let ask = service
        .post("/api/v1/analyses", &json!({"prompt": "?"}))
        .bearer_auth(&unused);
    assert_eq!(
        problem(ask).await,
        unavailable,
        "a key that may be valid is not refused as invalid"
    );
    let login = json!({"email": "ada@example.com", "password": PASSWORD});
    assert_eq!(
        problem(service.post("/api/v1/auth/login", &login)).await,
        unavailable
    );
    let refresh = json!({"refresh_token": user.refresh});
    let asked = Instant::now();
    for (path, body) in [("login", &login), ("refresh", &refresh)] {
        let request = service.post(&format!("/api/v1/auth/{path}"), body);
        assert_eq!(problem(request).await, unavailable, "{path}");
    }
    // Whoever comes first may wait for all of that; by then the loss is known.
    assert!(asked.elapsed() < ACQUIRE_TIMEOUT / 2, "{:?}", asked.elapsed());

    stack.postgres().start().await.unwrap();
    service.dependency_is("database", "up").await;
    assert_eq!(service.asks(&unused).await, 200);
    assert_eq!(service.refresh(&user.refresh).await.status(), 200);
}

#[tokio::test]
async fn a_replica_that_starts_without_its_database_first_refuses_nobody_and_admits_nobody_and_then_who_has_a_token()
 {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let keys = files.path().join("keys");
    ultra_service::auth::KeyRing::generate(&keys).unwrap();
    let vars: Vec<_> = CHEAP
        .iter()
        .copied()
        .chain([
            ("ULTRA_AUTH_REGISTRATION", "open"),
            ("DATABASE_URL", stack.postgres().url()),
            ("ULTRA_JWT_KEYS_DIR", keys.to_str().unwrap()),
        ])
        .collect();
    let mut first = Service::start(&vars, None).await;
    let (good, ended) = (
        first.user("ada@example.com").await.access,
        first.login("ada@example.com").await.access,
    );
    let logout = first
        .post("/api/v1/auth/logout", &json!(null))
        .bearer_auth(&ended);
    assert_eq!(logout.send().await.unwrap().status(), 204);
    first.shut_down();
    stack.postgres().stop().await.unwrap();

    let data = files.path().join("data").display().to_string();
    let file = files.path().join("config.yaml");
    std::fs::write(&file, ROOM).unwrap();
    let vars = vars.into_iter().chain([
        ("ULTRA_LISTEN", "127.0.0.1:0"),
        ("ULTRA_DATA_DIR", &data),
        ("ULTRA_CONFIG_FILE", file.to_str().unwrap()),
    ]);
    let config = Config::from_env(vars.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
    let application = Application::build(config).await.unwrap();
    let url = format!("http://{}/api/v1/analyses", application.local_addr());
    let running = tokio::spawn(application.run_until(std::future::pending()));
    let client = reqwest::Client::new();
    let ask = |token: &str| {
        let request = client.post(&url).bearer_auth(token);
        request.json(&json!({"prompt": QUESTION}))
    };
    let (one, other) = tokio::join!(problem(ask(&good)), problem(ask(&ended)));
    let starting = (503, "starting".to_owned());
    assert_eq!((&one, &other), (&starting, &starting));
    let status = async |token: &str| ask(token).send().await.unwrap().status().as_u16();
    until("who has a token is admitted all the same", async || {
        let status = status(&good).await;
        assert!(matches!(status, 200 | 503), "{status}");
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await;
    stack.postgres().start().await.unwrap();
    until("who was shut out is so here, too", async || {
        let status = status(&ended).await;
        if status == 401 { Ok(()) } else { Err(status) }
    })
    .await;
    assert_eq!(status(&good).await, 200);
    running.abort();
}
