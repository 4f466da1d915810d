use serde_json::json;

use super::people::service_with;
use crate::harness::{QUESTION, Service};

async fn asks(service: &Service, authorization: Option<&str>) -> u16 {
    let mut request = service.post("/api/v1/analyses", &json!({"prompt": QUESTION}));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn development_admits_who_brings_nothing_or_something_foreign_and_refuses_what_claims_to_be_ours() {
    let service = Service::alone().await;
    for admitted in [
        None,
        Some("Bearer sk-proj-123"),
        Some("Basic dXNlcjpwYXNz"),
        Some("Bearer none"),
    ] {
        assert_eq!(asks(&service, admitted).await, 200, "{admitted:?}");
    }
    let key = format!("Bearer uk_{}", "a".repeat(40));
    for refused in [
        "Bearer uk_",
        key.as_str(),
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer eyJhbGciOiJFZERTQSJ9.e30.AAAA",
    ] {
        assert_eq!(asks(&service, Some(refused)).await, 401, "{refused}");
    }
    let body = json!({"model": "ultra", "messages": [{"role": "user", "content": QUESTION}]});
    let refused = service
        .post("/v1/chat/completions", &body)
        .bearer_auth("uk_wrong")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.json::<serde_json::Value>().await.unwrap()["error"]["code"],
        "invalid_credential"
    );
}

#[tokio::test]
async fn anonymous_callers_have_no_account_and_no_say() {
    let service = Service::alone().await;
    for path in ["/api/v1/auth/me", "/api/v1/keys", "/api/v1/admin/users"] {
        for (brought, challenge) in [
            (None, "Bearer realm=\"ultra\""),
            (
                Some("Bearer rubbish"),
                "Bearer realm=\"ultra\", error=\"invalid_token\"",
            ),
        ] {
            let mut request = service.get(path);
            if let Some(brought) = brought {
                request = request.header("authorization", brought);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401, "{path}");
            assert_eq!(response.headers()["www-authenticate"], challenge, "{path}");
        }
    }
}

#[tokio::test]
async fn outside_of_development_nobody_is_anonymous() {
    let service = service_with(&[]).await;
    for authorization in [None, Some("Bearer sk-proj-123")] {
        assert_eq!(asks(&service, authorization).await, 401, "{authorization:?}");
    }
}
