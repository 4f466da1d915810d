use serde_json::{Value, json};

use super::people::{PASSWORD, problem, service};
use crate::harness::{QUESTION, Service};

async fn ask(service: &Service, token: &str) -> Value {
    let request = service
        .post("/api/v1/analyses", &json!({"prompt": QUESTION}))
        .bearer_auth(token);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn analyses_and_remembered_answers_are_their_accounts_alone() {
    let service = service().await;
    let (ada, grace) = (
        service.user("ada@example.com").await,
        service.user("grace@example.com").await,
    );
    let hers = ask(&service, &ada.access).await;
    assert_eq!(ask(&service, &ada.access).await["cached"], true);
    assert_eq!(
        ask(&service, &grace.access).await["cached"],
        false,
        "an answer crosses accounts"
    );

    let path = format!("/api/v1/analyses/{}", hers["id"].as_str().unwrap());
    let read = |token: &str| service.get(&path).bearer_auth(token);
    assert_eq!(read(&ada.access).send().await.unwrap().status(), 200);
    assert_eq!(problem(read(&grace.access)).await, (404, "not-found".to_owned()));
    let (_, key) = service.new_key(&ada.access, &json!({"name": "hers"})).await;
    assert_eq!(read(&key).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_erased_account_leaves_nothing_that_works() {
    let service = service().await;
    let ada = service.user("ada@example.com").await;
    let (_, key) = service.new_key(&ada.access, &json!({"name": "hers"})).await;
    let analysis = ask(&service, &key).await;
    let erase = |password: &str| {
        let request = service.post("/api/v1/auth/me/erasure", &json!({"password": password}));
        request.bearer_auth(&ada.access)
    };
    assert_eq!(
        problem(erase("a wrong password")).await,
        (401, "wrong-credentials".to_owned())
    );
    assert_eq!(erase(PASSWORD).send().await.unwrap().status(), 204);

    crate::harness::until("nothing of the account works", async || {
        let seen = (service.me(&ada.access).await, service.asks(&key).await);
        if seen == (401, 401) { Ok(()) } else { Err(seen) }
    })
    .await;
    assert_eq!(service.refresh(&ada.refresh).await.status(), 401);
    assert_eq!(service.try_login("ada@example.com", PASSWORD).await.status(), 401);
    // The address is free again, and its new account knows nothing of the old one.
    let anew = service.user("ada@example.com").await;
    let path = format!("/api/v1/analyses/{}", analysis["id"].as_str().unwrap());
    assert_eq!(problem(service.get(&path).bearer_auth(&anew.access)).await.0, 404);
}
