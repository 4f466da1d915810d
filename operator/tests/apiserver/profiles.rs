//! What `testing` and `production` come to.

use super::harness::{Operator, message};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Secret};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use ultra_operator::crd::ConditionType;
use ultra_testenv::Cluster;

async fn operator() -> Operator {
    Operator::start(Cluster::api_server().await.unwrap()).await
}

fn production() -> Value {
    json!({
        "profile": "production", "mode": "mock",
        "database": { "external": { "urlSecretRef": { "name": "urls", "key": "database" } } },
        "cache": { "external": { "urlSecretRef": { "name": "urls", "key": "cache" } } },
    })
}

async fn create_urls(operator: &Operator) {
    let urls = json!({
        "database": "postgres://ultra:a-password-of-its-own@postgres.example.com/ultra?sslmode=verify-full",
        "cache": "rediss://:a-password-of-its-own@redis.example.com:6379/0",
    });
    operator.create_secret("urls", urls).await;
}

#[tokio::test]
async fn production_on_the_mock_becomes_ready_and_says_that_it_is_on_the_mock() {
    let operator = operator().await;
    create_urls(&operator).await;
    operator.create(production()).await;
    operator.deployment_is_available("demo").await;
    operator
        .condition(ConditionType::Ready, "True", "Available")
        .await;
    let ready = operator
        .condition(ConditionType::MockInProduction, "True", "MockMode")
        .await;
    assert!(message(&ready, ConditionType::MockInProduction).contains("built-in mock"));

    let service: Deployment = operator.get("demo").await;
    assert_eq!(service.spec.as_ref().unwrap().replicas, Some(2));
    let keys: Secret = operator.get("demo-jwt").await;
    assert_eq!(
        keys.metadata.owner_references, None,
        "production retains its keys"
    );
}

#[tokio::test]
async fn production_without_a_mode_asks_for_one_and_heals() {
    let operator = operator().await;
    create_urls(&operator).await;
    let mut spec = production();
    spec.as_object_mut().unwrap().remove("mode");
    operator.create(spec).await;
    let stalled = operator
        .condition(ConditionType::Stalled, "True", "ModeNotAvailable")
        .await;
    assert!(message(&stalled, ConditionType::Ready).contains("write `mode: mock`"));
    operator.patch_spec(json!({ "mode": "mock" })).await;
    operator
        .condition(ConditionType::Stalled, "False", "NotStalled")
        .await;
}

#[tokio::test]
async fn testing_becomes_ready_with_the_built_in_parts() {
    let operator = operator().await;
    operator
        .create(json!({ "profile": "testing", "auth": { "registration": "open" } }))
        .await;
    operator.become_ready().await;
    operator
        .condition(ConditionType::MockInProduction, "False", "NotProduction")
        .await;
}

fn pods(service: &Deployment) -> BTreeMap<String, String> {
    let pods = &service.spec.as_ref().unwrap().template;
    pods.metadata.clone().unwrap().annotations.unwrap()
}

#[tokio::test]
async fn an_admin_whose_secret_is_missing_is_named_and_one_who_changes_rolls_the_pods() {
    let operator = operator().await;
    operator
        .create(json!({ "cache": { "memory": {} }, "auth": { "adminSecretRef": { "name": "boss" } } }))
        .await;
    let stalled = operator
        .condition(ConditionType::Stalled, "True", "SecretMissing")
        .await;
    assert!(
        message(&stalled, ConditionType::Ready)
            .starts_with("Secret boss, which spec.auth.adminSecretRef names")
    );
    operator
        .create_secret("boss", json!({ "email": "boss@example.com" }))
        .await;
    let stalled = operator
        .condition(ConditionType::Stalled, "True", "SecretKeyMissing")
        .await;
    assert!(message(&stalled, ConditionType::Ready).ends_with("has no key password: add it"));

    let password = json!({ "password": "a sentence that nobody guesses" });
    operator
        .patch_secret("boss", json!({ "stringData": password }))
        .await;
    operator.stateful_set_is_available("demo-postgres").await;
    let first = pods(&operator.get("demo").await);
    operator
        .patch_secret("boss", json!({ "stringData": { "email": "chief@example.com" } }))
        .await;
    operator
        .until("demo", "other pods", |service: &Deployment| {
            pods(service) != first
        })
        .await;
}
