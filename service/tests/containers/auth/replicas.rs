//! Several replicas of the service on one database.

use std::{
    any::Any,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use ultra_testenv::Stack;

use super::people::{ADMIN, CHEAP, PASSWORD, Tokens};
use crate::harness::Service;

/// Two replicas that share database and keys.
async fn replicas() -> (Service, Service) {
    let keys = tempfile::tempdir().unwrap();
    ultra_service::auth::KeyRing::generate(keys.path()).unwrap();
    let ring = keys.path().to_owned();
    replicas_on([&ring, &ring], keys).await
}

/// Two replicas that share a database, each with a ring of its own; they keep what is to live as long.
pub(super) async fn replicas_on(rings: [&Path; 2], kept: impl Any + Send + Sync) -> (Service, Service) {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let start = async |ring: &Path| {
        let vars: Vec<_> = CHEAP
            .iter()
            .chain(&ADMIN)
            .copied()
            .chain([
                ("ULTRA_AUTH_REGISTRATION", "open"),
                ("DATABASE_URL", database.url()),
                ("ULTRA_JWT_KEYS_DIR", ring.to_str().unwrap()),
            ])
            .collect();
        Service::start(&vars, None).await
    };
    let (one, other) = (start(rings[0]).await, start(rings[1]).await);
    (one.keeping((stack, database, kept)), other)
}

/// How long the other replica goes on to answer otherwise.
async fn until(expected: u16, status: impl AsyncFn() -> u16) -> Duration {
    let start = Instant::now();
    loop {
        let last = status().await;
        if last == expected {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_secs(10), "it answers {last}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until_refused(status: impl AsyncFn() -> u16) -> Duration {
    until(401, status).await
}

#[tokio::test]
async fn what_one_replica_revokes_every_other_refuses_within_a_second() {
    const SECOND: Duration = Duration::from_secs(1);
    let (one, other) = replicas().await;
    let logged_out = one.user("ada@example.com").await;
    assert_eq!(other.me(&logged_out.access).await, 200);
    let logout = one
        .post("/api/v1/auth/logout", &json!(null))
        .bearer_auth(&logged_out.access);
    assert_eq!(logout.send().await.unwrap().status(), 204);
    let took = until_refused(async || other.me(&logged_out.access).await).await;
    assert!(took < SECOND, "a logout took {took:?}");

    let changed = one.login("ada@example.com").await;
    assert_eq!(other.me(&changed.access).await, 200);
    let body = json!({"current_password": PASSWORD, "new_password": "another long password"});
    let change = one
        .client
        .put(format!("{}/api/v1/auth/password", one.url))
        .bearer_auth(&changed.access);
    assert_eq!(change.json(&body).send().await.unwrap().status(), 204);
    let took = until_refused(async || other.me(&changed.access).await).await;
    assert!(took < SECOND, "a new password took {took:?}");

    let again = one.try_login("ada@example.com", "another long password").await;
    let again = Tokens::of(&again.json().await.unwrap());
    let (id, key) = one.new_key(&again.access, &json!({"name": "key"})).await;
    assert_eq!(other.asks(&key).await, 200);
    let delete = one
        .client
        .delete(format!("{}/api/v1/keys/{id}", one.url))
        .bearer_auth(&again.access);
    assert_eq!(delete.send().await.unwrap().status(), 204);
    let took = until_refused(async || other.asks(&key).await).await;
    assert!(took < SECOND, "a key's revocation took {took:?}");
}

#[tokio::test]
async fn what_an_admin_changes_about_a_user_holds_for_their_keys_on_every_replica_within_a_second() {
    const SECOND: Duration = Duration::from_secs(1);
    let (one, other) = replicas().await;
    let admin = one.admin().await.access;
    let id = {
        let ada = one.user("ada@example.com").await.access;
        let me = one.get("/api/v1/auth/me").bearer_auth(&ada).send().await.unwrap();
        me.json::<Value>().await.unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let change = async |body: Value| {
        let url = format!("{}/api/v1/admin/users/{id}", one.url);
        let change = one.client.patch(url).bearer_auth(&admin).json(&body);
        assert_eq!(change.send().await.unwrap().status(), 200, "{body}");
    };
    change(json!({"role": "admin"})).await;
    let ada = one.login("ada@example.com").await.access;
    let body = json!({"name": "key", "scopes": ["inference", "admin"]});
    let (_, key) = one.new_key(&ada, &body).await;
    let administers = async || {
        let users = other.get("/api/v1/admin/users").bearer_auth(&key);
        users.send().await.unwrap().status().as_u16()
    };
    assert_eq!((administers().await, other.asks(&key).await), (200, 200));

    change(json!({"role": "user"})).await;
    let took = until(403, administers).await;
    assert!(took < SECOND, "a role took {took:?}");
    assert_eq!(other.asks(&key).await, 200);

    change(json!({"disabled": true})).await;
    let took = until_refused(async || other.asks(&key).await).await;
    assert!(took < SECOND, "shutting a user out took {took:?}");

    change(json!({"disabled": false})).await;
    let took = until(200, async || other.asks(&key).await).await;
    assert!(took < SECOND, "letting a user in took {took:?}");
}

#[tokio::test]
async fn a_refresh_token_that_is_used_on_two_replicas_ends_its_session_on_both() {
    let (one, other) = replicas().await;
    let first = one.user("ada@example.com").await;
    let second = Tokens::of(&one.refresh(&first.refresh).await.json().await.unwrap());
    assert_eq!(other.refresh(&first.refresh).await.status(), 401);
    until_refused(async || one.me(&second.access).await).await;
    assert_eq!(one.refresh(&second.refresh).await.status(), 401);
}
