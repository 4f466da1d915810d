#[path = "cache/admin.rs"]
mod admin;
#[path = "cache/single_flight.rs"]
mod single_flight;
#[path = "cache/ways_in.rs"]
mod ways_in;

use serde_json::json;
use ultra_testenv::Stack;

use crate::harness::{QUESTION, Service, redis_at};

#[tokio::test]
async fn a_second_equal_request_is_served_from_redis_and_both_are_in_postgres() {
    let stack = Stack::builder().postgres().redis().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let vars = [
        ("DATABASE_URL", database.url()),
        ("REDIS_URL", stack.redis().url()),
    ];
    let service = Service::start(&vars, None).await;
    // Another replica: what the second one finds can only have come over Redis.
    let replica = Service::start(&vars, None).await;

    // A look that took too long on a busy machine is one at a lost dependency, and panels do without.
    for either in [&service, &replica] {
        either.dependency_is("database", "up").await;
        either.dependency_is("cache", "up").await;
    }
    let first = service.ask(QUESTION).await;
    let response = replica
        .post("/api/v1/analyses", &json!({"prompt": QUESTION}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-ultra-cache"], "hit; tier=redis");
    let second: serde_json::Value = response.json().await.unwrap();
    assert_eq!(
        (&first["cached"], &second["cached"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&second["cache"], &second["answer"]),
        (&json!("redis"), &first["answer"])
    );
    assert_eq!(second["usage"], json!({"input_tokens": 0, "output_tokens": 0}));
    assert_ne!(first["id"], second["id"]);

    let mut redis = redis_at(stack.redis().url()).await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    let answers = |key: &String| key.contains(":analysis:") && !key.ends_with(":claim");
    let keys: Vec<_> = keys.into_iter().filter(answers).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(keys[0].starts_with("ultra:v1:{anonymous}:analysis:"), "{keys:?}");
    let ttl: i64 = redis::cmd("TTL")
        .arg(&keys[0])
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!((1..=3600).contains(&ttl), "{ttl}");

    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    let rows: Vec<(String, String, Option<String>)> =
        sqlx::query_as("select id::text, answer, cached_by from analyses order by created_at")
            .fetch_all(&pool)
            .await
            .unwrap();
    let expected = |analysis: &serde_json::Value, cached_by: Option<&str>| {
        let text = |name: &str| analysis[name].as_str().unwrap().to_owned();
        (text("id"), text("answer"), cached_by.map(str::to_owned))
    };
    assert_eq!(rows, [expected(&first, None), expected(&second, Some("redis"))]);
}

#[tokio::test]
async fn a_request_that_wants_no_remembered_answer_gets_none() {
    let service = Service::alone().await;
    let body = json!({"prompt": QUESTION, "options": {"cache": false}});
    for _ in 0..2 {
        let response = service.post("/api/v1/analyses", &body).send().await.unwrap();
        assert_eq!(response.headers()["x-ultra-cache"], "miss");
    }
    assert_eq!(service.ask(QUESTION).await["cached"], false);
    assert_eq!(service.ask(QUESTION).await["cached"], true);
}
