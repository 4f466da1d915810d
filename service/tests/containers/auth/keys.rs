use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::people::{PASSWORD, Tokens, problem, service};
use crate::harness::{answer_to, until};

#[tokio::test]
async fn a_key_works_until_it_is_revoked_and_is_shown_once() {
    let service = service().await;
    let user = service.user("ada@example.com").await;
    let (id, key) = service
        .new_key(&user.access, &json!({"name": "nightly reports"}))
        .await;
    assert_eq!(service.asks(&key).await, 200);

    let listed = until("the use of the key is written down", async || {
        let request = service.get("/api/v1/keys").bearer_auth(&user.access);
        let keys = answer_to(request).await;
        match keys["keys"][0]["last_used_at"].is_string() {
            true => Ok(keys),
            false => Err(keys),
        }
    })
    .await;
    assert!(!listed.to_string().contains(&key), "the key is shown again");
    assert_eq!(listed["keys"][0]["name"], "nightly reports");
    assert_eq!(listed["keys"][0]["scopes"], json!(["inference", "history"]));
    assert!(key.starts_with(listed["keys"][0]["prefix"].as_str().unwrap()));

    let delete = || {
        service
            .client
            .delete(format!("{}/api/v1/keys/{id}", service.url))
            .bearer_auth(&user.access)
    };
    assert_eq!(delete().send().await.unwrap().status(), 204);
    assert_eq!(service.asks(&key).await, 401);
    assert_eq!(problem(delete()).await, (404, "not-found".to_owned()));
}

#[tokio::test]
async fn a_key_ends_when_it_was_to() {
    let service = service().await;
    let user = service.user("ada@example.com").await;
    let end = (OffsetDateTime::now_utc() + Duration::seconds(2))
        .format(&Rfc3339)
        .unwrap();
    let (_, key) = service
        .new_key(&user.access, &json!({"name": "short", "expires_at": end}))
        .await;
    assert_eq!(service.asks(&key).await, 200);
    until("the key has ended", async || match service.asks(&key).await {
        401 => Ok(()),
        status => Err(status),
    })
    .await;
}

#[tokio::test]
async fn a_key_is_its_owners_alone() {
    let service = service().await;
    let (ada, grace) = (
        service.user("ada@example.com").await,
        service.user("grace@example.com").await,
    );
    let (id, key) = service.new_key(&ada.access, &json!({"name": "adas"})).await;
    let delete = service.client.delete(format!("{}/api/v1/keys/{id}", service.url));
    assert_eq!(problem(delete.bearer_auth(&grace.access)).await.0, 404);
    assert_eq!(service.asks(&key).await, 200);
    let keys = service
        .get("/api/v1/keys")
        .bearer_auth(&grace.access)
        .send()
        .await
        .unwrap();
    assert_eq!(keys.json::<Value>().await.unwrap(), json!({"keys": []}));
}

#[tokio::test]
async fn a_key_that_makes_no_sense_is_refused() {
    let service = service().await;
    let user = service.user("ada@example.com").await;
    for (body, pointer) in [
        (json!({"name": " "}), "/name"),
        (json!({"name": "a".repeat(101)}), "/name"),
        (json!({"name": "a", "scopes": []}), "/scopes"),
        (json!({"name": "a", "scopes": ["root"]}), "/scopes/0"),
        (
            json!({"name": "a", "expires_at": "2020-01-01T00:00:00Z"}),
            "/expires_at",
        ),
        (
            json!({"name": "a", "expires_at": "9999-12-31T23:59:59-12:00"}),
            "/expires_at",
        ),
        (json!({"name": "a", "expires_at": after(3_653)}), "/expires_at"),
    ] {
        let request = service.post("/api/v1/keys", &body).bearer_auth(&user.access);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 422, "{body}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let keys = service.get("/api/v1/keys").bearer_auth(&user.access);
    assert_eq!(keys.send().await.unwrap().status(), 200);
}

fn after(days: i64) -> String {
    let end = OffsetDateTime::now_utc() + Duration::days(days);
    end.to_offset(time::macros::offset!(+5:30))
        .format(&Rfc3339)
        .unwrap()
}

#[tokio::test]
async fn an_end_is_kept_in_utc() {
    let service = service().await;
    let user = service.user("ada@example.com").await;
    service
        .new_key(&user.access, &json!({"name": "long", "expires_at": after(3_651)}))
        .await;
    let keys = service.get("/api/v1/keys").bearer_auth(&user.access);
    let keys = answer_to(keys).await;
    let end = keys["keys"][0]["expires_at"].as_str().unwrap();
    assert!(end.ends_with('Z'), "{keys}");
}

#[tokio::test]
async fn a_user_has_a_hundred_live_keys_and_no_more() {
    let service = service().await;
    let (ada, grace) = (
        service.user("ada@example.com").await,
        service.user("grace@example.com").await,
    );
    let body = json!({"name": "one of many"});
    let mut first = None;
    for _ in 0..100 {
        let (id, _) = service.new_key(&ada.access, &body).await;
        first.get_or_insert(id);
    }
    let more = || service.post("/api/v1/keys", &body).bearer_auth(&ada.access);
    assert_eq!(problem(more()).await, (409, "too-many-keys".to_owned()));
    service.new_key(&grace.access, &body).await;

    let url = format!("{}/api/v1/keys/{}", service.url, first.unwrap());
    let delete = service.client.delete(url).bearer_auth(&ada.access);
    assert_eq!(delete.send().await.unwrap().status(), 204);
    service.new_key(&ada.access, &body).await;
    assert_eq!(problem(more()).await.0, 409);
}

#[tokio::test]
async fn a_new_password_ends_keys_where_that_is_asked_for() {
    let service = service().await;
    let mut password = PASSWORD.to_owned();
    let mut ada = service.user("ada@example.com").await;
    let (_, key) = service.new_key(&ada.access, &json!({"name": "laptop"})).await;
    for (body, expected) in [(json!({}), 200), (json!({"end_api_keys": true}), 401)] {
        let new = format!("{password}, and more");
        let mut body = body.clone();
        body["current_password"] = json!(password);
        body["new_password"] = json!(new);
        let url = format!("{}/api/v1/auth/password", service.url);
        let change = service.client.put(url).bearer_auth(&ada.access).json(&body);
        assert_eq!(change.send().await.unwrap().status(), 204);
        assert_eq!(service.asks(&key).await, expected, "{body}");
        let login = service.try_login("ada@example.com", &new).await;
        ada = Tokens::of(&login.json().await.unwrap());
        password = new;
    }
}
