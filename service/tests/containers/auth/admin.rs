use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::people::{PASSWORD, problem, service, service_with};
use crate::harness::{Service, answer_to};

impl Service {
    fn as_admin(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/api/v1/admin/{path}", self.url))
            .bearer_auth(token)
    }

    async fn users(&self, token: &str) -> Vec<Value> {
        let body = answer_to(self.as_admin(token, Method::GET, "users")).await;
        body["users"].as_array().unwrap().clone()
    }
}

async fn id_of(service: &Service, admin: &str, email: &str) -> String {
    let users = service.users(admin).await;
    let user = users.iter().find(|user| user["email"] == email).unwrap();
    user["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_admin_makes_another_and_the_log_says_who_did() {
    let service = service().await;
    let admin = service.admin().await;
    let ada = service.user("ada@example.com").await;
    let (ada_id, admin_id) = (
        id_of(&service, &admin.access, "ada@example.com").await,
        id_of(&service, &admin.access, "admin@example.com").await,
    );
    assert_eq!(
        problem(service.as_admin(&ada.access, Method::GET, "users")).await,
        (403, "forbidden".to_owned())
    );
    let change = service.as_admin(&admin.access, Method::PATCH, &format!("users/{ada_id}"));
    let changed = answer_to(change.json(&json!({"role": "admin"}))).await;
    assert_eq!(changed["role"], "admin");
    assert_eq!(
        service.me(&ada.access).await,
        401,
        "the token with the old role still works"
    );
    let ada = service.login("ada@example.com").await;
    assert_eq!(service.users(&ada.access).await.len(), 2);

    let log = answer_to(service.as_admin(&ada.access, Method::GET, "audit?limit=1")).await;
    let entry = &log["entries"][0];
    assert_eq!(entry["action"], "user.role_changed", "{log}");
    assert_eq!(
        (&entry["actor"], &entry["subject"]),
        (&json!(admin_id), &json!(ada_id))
    );
    assert_eq!(entry["detail"], json!({"role": "admin"}));
    let next = log["next"].as_str().unwrap();
    let before = answer_to(service.as_admin(&ada.access, Method::GET, &format!("audit?after={next}"))).await;
    let actions: Vec<_> = before["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].clone())
        .collect();
    assert_eq!(actions, ["user.registered", "user.created"]);
    assert!(
        !before.to_string().contains("example.com"),
        "the log names people: {before}"
    );
}

#[tokio::test]
async fn a_user_who_is_shut_out_is_out_until_let_in_again() {
    let service = service().await;
    let admin = service.admin().await;
    let ada = service.user("ada@example.com").await;
    let id = id_of(&service, &admin.access, "ada@example.com").await;
    let disable = async |disabled: bool| {
        let request = service.as_admin(&admin.access, Method::PATCH, &format!("users/{id}"));
        let response = request.json(&json!({"disabled": disabled})).send().await.unwrap();
        assert_eq!(response.status(), 200);
    };
    disable(true).await;
    assert_eq!(service.me(&ada.access).await, 401);
    assert_eq!(service.refresh(&ada.refresh).await.status(), 401);
    assert_eq!(service.try_login("ada@example.com", PASSWORD).await.status(), 401);
    disable(false).await;
    assert_eq!(service.try_login("ada@example.com", PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn admins_cannot_take_their_own_rights() {
    let service = service().await;
    let admin = service.admin().await;
    let id = id_of(&service, &admin.access, "admin@example.com").await;
    let path = format!("users/{id}");
    for request in [
        service
            .as_admin(&admin.access, Method::PATCH, &path)
            .json(&json!({"role": "user"})),
        service
            .as_admin(&admin.access, Method::PATCH, &path)
            .json(&json!({"disabled": true})),
        service.as_admin(&admin.access, Method::DELETE, &path),
    ] {
        assert_eq!(problem(request).await, (409, "own-rights".to_owned()));
    }
}

#[tokio::test]
async fn an_invitation_admits_one() {
    let service = service_with(&[("ULTRA_AUTH_REGISTRATION", "invite")]).await;
    let admin = service.admin().await;
    let register = |email: &str, invite: Value| {
        let mut body = json!({"email": email, "password": PASSWORD});
        if !invite.is_null() {
            body["invite"] = invite;
        }
        service.post("/api/v1/auth/register", &body)
    };
    assert_eq!(
        problem(register("ada@example.com", Value::Null)).await,
        (403, "invalid-invite".to_owned())
    );
    let made = service
        .as_admin(&admin.access, Method::POST, "invites")
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), 201);
    let invite = made.json::<Value>().await.unwrap()["invite"].clone();
    assert_eq!(
        register("ada@example.com", invite.clone())
            .send()
            .await
            .unwrap()
            .status(),
        202
    );
    assert_eq!(
        problem(register("grace@example.com", invite)).await,
        (403, "invalid-invite".to_owned())
    );
    service.login("ada@example.com").await;
}

#[tokio::test]
async fn closed_registration_admits_nobody() {
    let service = service_with(&[("ULTRA_AUTH_REGISTRATION", "closed")]).await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let request = service.post("/api/v1/auth/register", &body);
    assert_eq!(problem(request).await, (403, "registration-closed".to_owned()));
}

#[tokio::test]
async fn providers_keys_are_stored_and_never_shown() {
    const CANARY: &str = "sk-canary-3f8c1d";
    let master = format!("one:{}", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=");
    let service = service_with(&[("ULTRA_MASTER_KEY", &master)]).await;
    let admin = service.admin().await;
    let path = "provider-keys/openai";
    let put = service
        .as_admin(&admin.access, Method::PUT, path)
        .json(&json!({"key": CANARY}));
    assert_eq!(put.send().await.unwrap().status(), 204);
    let listed = service
        .as_admin(&admin.access, Method::GET, "provider-keys")
        .send()
        .await
        .unwrap();
    let listed = listed.text().await.unwrap();
    assert!(listed.contains("openai") && !listed.contains(CANARY), "{listed}");
    for (path, key, refused) in [
        ("provider-keys/nosuchprovider", CANARY, (404, "unknown-provider")),
        ("provider-keys/openai", "sk-x\r\nx: y", (422, "validation")),
    ] {
        let put = service
            .as_admin(&admin.access, Method::PUT, path)
            .json(&json!({"key": key}));
        assert_eq!(problem(put).await, (refused.0, refused.1.to_owned()), "{path}");
    }
    let delete = || service.as_admin(&admin.access, Method::DELETE, path);
    assert_eq!(delete().send().await.unwrap().status(), 204);
    assert_eq!(problem(delete()).await.0, 404);
}

#[tokio::test]
async fn without_a_master_key_no_providers_key_is_stored() {
    let service = service().await;
    let admin = service.admin().await;
    let put = service
        .as_admin(&admin.access, Method::PUT, "provider-keys/openai")
        .json(&json!({"key": "sk-1"}));
    assert_eq!(problem(put).await, (409, "no-master-key".to_owned()));
}

#[tokio::test]
async fn the_only_admin_cannot_leave_and_what_is_so_already_is_not_audited() {
    let service = service().await;
    let admin = service.admin().await;
    let leave = |token: &str| {
        let request = service.post("/api/v1/auth/me/erasure", &json!({"password": PASSWORD}));
        request.bearer_auth(token)
    };
    assert_eq!(
        problem(leave(&admin.access)).await,
        (409, "last-admin".to_owned())
    );
    assert_eq!(service.me(&admin.access).await, 200);

    service.user("ada@example.com").await;
    let id = id_of(&service, &admin.access, "ada@example.com").await;
    let entries = async || {
        let log = service
            .as_admin(&admin.access, Method::GET, "audit")
            .send()
            .await
            .unwrap();
        log.json::<Value>().await.unwrap()["entries"]
            .as_array()
            .unwrap()
            .len()
    };
    let before = entries().await;
    for body in [
        json!({"role": "admin"}),
        json!({"role": "admin", "disabled": false}),
    ] {
        let change = service.as_admin(&admin.access, Method::PATCH, &format!("users/{id}"));
        assert_eq!(change.json(&body).send().await.unwrap().status(), 200);
        assert_eq!(entries().await, before + 1, "{body}");
    }
    assert_eq!(leave(&admin.access).send().await.unwrap().status(), 204);
}
