//! What admins see of the caches, and how they empty them.

use reqwest::Method;
use serde_json::{Value, json};
use ultra_testenv::Stack;

use crate::{
    auth::people::{ADMIN, CHEAP, problem},
    harness::{QUESTION, Service, answer_to, json_of, redis_at},
};

async fn caches(service: &Service, token: &str, method: Method) -> (u16, Value) {
    let url = format!("{}/api/v1/admin/cache", service.url);
    let request = service.client.request(method, url).bearer_auth(token);
    let response = request.send().await.unwrap();
    (
        response.status().as_u16(),
        json_of(&response.text().await.unwrap()),
    )
}

async fn cached(service: &Service, token: &str, prompt: &str) -> bool {
    let request = service.post("/api/v1/analyses", &json!({"prompt": prompt}));
    let answer = answer_to(request.bearer_auth(token)).await;
    answer["cached"].as_bool().unwrap()
}

#[tokio::test]
async fn an_admin_reads_the_figures_and_makes_every_replica_forget() {
    let stack = Stack::builder()
        .postgres()
        .redis()
        .dedicated()
        .start()
        .await
        .unwrap();
    let keys = tempfile::tempdir().unwrap();
    ultra_service::auth::KeyRing::generate(keys.path()).unwrap();
    let vars: Vec<_> = CHEAP
        .iter()
        .chain(&ADMIN)
        .copied()
        .chain([
            ("DATABASE_URL", stack.postgres().url()),
            ("REDIS_URL", stack.redis().url()),
            ("ULTRA_JWT_KEYS_DIR", keys.path().to_str().unwrap()),
        ])
        .collect();
    let service = Service::start(&vars, None).await;
    let replica = Service::start(&vars, None).await;
    let admin = service.admin().await.access;
    let mut redis = redis_at(stack.redis().url()).await;
    // A key of somebody else in the same database outlives it all.
    redis::cmd("SET")
        .arg("others")
        .arg("1")
        .exec_async(&mut redis)
        .await
        .unwrap();

    assert!(!cached(&service, &admin, QUESTION).await);
    assert!(cached(&service, &admin, QUESTION).await);
    assert!(cached(&replica, &admin, QUESTION).await);
    let (status, figures) = caches(&service, &admin, Method::GET).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&figures["misses"], &figures["redis"]["hits"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(figures["redis"]["breaker"]["state"], "closed");
    assert!(
        figures["redis"]["size"]["keys"].as_u64().unwrap() >= 2,
        "{figures}"
    );
    assert_eq!(figures["memory"]["entries"], 0);

    let (status, cleared) = caches(&replica, &admin, Method::DELETE).await;
    assert_eq!((status, cleared), (200, json!({"memory": 0, "redis": 1})));
    assert!(!cached(&service, &admin, QUESTION).await);
    let others: Option<String> = redis::cmd("GET")
        .arg("others")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(others.as_deref(), Some("1"));

    stack.redis().pause().await.unwrap();
    assert!(!cached(&service, &admin, "Who remembers meanwhile?").await);
    let (_, figures) = caches(&service, &admin, Method::GET).await;
    assert_eq!(figures["memory"]["entries"], 1, "{figures}");
    assert_ne!(figures["redis"]["breaker"]["state"], "closed");
    assert_eq!(figures["redis"]["breaker"]["error"], "timeout");
    let clear = service
        .client
        .delete(format!("{}/api/v1/admin/cache", service.url));
    assert_eq!(
        problem(clear.bearer_auth(&admin)).await,
        (503, "cache-unavailable".to_owned())
    );
    let (_, figures) = caches(&service, &admin, Method::GET).await;
    assert_eq!(figures["memory"]["entries"], 0, "{figures}");
    stack.redis().unpause().await.unwrap();

    let log = service.get("/api/v1/admin/audit").bearer_auth(&admin);
    let log = answer_to(log).await;
    let cleared = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["action"] == "cache.cleared");
    assert_eq!(cleared.count(), 2, "{log}");
}
