//! The Secrets with the service's keys.

use super::harness::{Operator, SOON, message};
use futures::TryStreamExt;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, WatchEvent, WatchParams},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use ultra_operator::crd::ConditionType;
use ultra_testenv::Cluster;

const KEYS: [&str; 2] = ["demo-jwt", "demo-master-key"];

async fn operator() -> Operator {
    Operator::start(Cluster::api_server().await.unwrap()).await
}

async fn both(operator: &Operator) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for name in KEYS {
        secrets.push(operator.get::<Secret>(name).await);
    }
    secrets
}

/// The pods of the service after a change that shows that the operator has looked at everything before it.
async fn pods_after_a_look(operator: &Operator) -> Value {
    operator.patch_spec(json!({ "replicas": 2 })).await;
    let service = operator
        .until("demo", "two replicas", |service: &Deployment| {
            service.spec.as_ref().unwrap().replicas == Some(2)
        })
        .await;
    serde_json::to_value(service.spec.unwrap().template).unwrap()
}

async fn pods(operator: &Operator) -> Value {
    let service: Deployment = operator.get("demo").await;
    serde_json::to_value(service.spec.unwrap().template).unwrap()
}

/// How often each Secret was written, up to the coming of the one that is named.
async fn writes(secrets: Api<Secret>, last: &str) -> BTreeMap<String, u32> {
    let stream = secrets.watch(&WatchParams::default(), "0").await.unwrap();
    let mut stream = std::pin::pin!(stream);
    let mut writes = BTreeMap::new();
    while let Some(event) = stream.try_next().await.unwrap() {
        let (WatchEvent::Added(secret) | WatchEvent::Modified(secret) | WatchEvent::Deleted(secret)) = event
        else {
            continue;
        };
        if secret.name_any() == last {
            return writes;
        }
        *writes.entry(secret.name_any()).or_insert(0) += 1;
    }
    panic!("the watch has ended: {writes:?}");
}

#[tokio::test]
async fn two_operators_at_once_and_a_third_after_them_write_each_secret_once() {
    let mut operator = operator().await;
    let another = operator.another();
    let counted = tokio::spawn(writes(operator.api(), "sentinel"));
    operator.create(json!({ "profile": "testing" })).await;
    operator.become_ready().await;
    drop(another);
    operator.restart().await;
    pods_after_a_look(&operator).await;

    operator.create_secret("sentinel", json!({})).await;
    let counted = tokio::time::timeout(SOON, counted).await.unwrap().unwrap();
    let once =
        ["demo-jwt", "demo-master-key", "demo-postgres", "demo-redis"].map(|name| (name.to_owned(), 1));
    assert_eq!(counted, BTreeMap::from(once));
}

#[tokio::test]
async fn a_key_that_is_added_to_the_ring_stays_there_and_rolls_no_pod() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    let before = pods(&operator).await;

    operator
        .patch_secret("demo-jwt", json!({ "stringData": { "next.pem": "a key" } }))
        .await;
    operator
        .patch_secret(
            "demo-master-key",
            json!({ "stringData": { "master-key": "a:b,c:d" } }),
        )
        .await;

    assert_eq!(pods_after_a_look(&operator).await, before);
    let [jwt, master] = both(&operator).await.try_into().unwrap();
    assert_eq!(jwt.data.unwrap()["next.pem"].0, b"a key");
    assert_eq!(master.data.unwrap()["master-key"].0, b"a:b,c:d");
}

#[tokio::test]
async fn a_key_that_is_lost_stalls_the_resource_and_its_return_heals() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    for (name, key, anew) in [
        ("demo-jwt", "ring.json", "ends the access tokens"),
        ("demo-master-key", "master-key", "cannot be read any more"),
    ] {
        let whole: Secret = operator.get(name).await;
        operator
            .patch_secret(name, json!({ "data": { key: null } }))
            .await;
        let stalled = operator
            .condition(ConditionType::Stalled, "True", "SecretIncomplete")
            .await;
        let said = message(&stalled, ConditionType::Ready);
        assert!(
            said.contains(&format!("Secret {name} has lost its key {key}")),
            "{said}"
        );
        assert!(said.contains(anew), "{said}");

        operator
            .patch_secret(name, json!({ "data": { key: whole.data.unwrap()[key] } }))
            .await;
        operator
            .condition(ConditionType::Ready, "True", "Available")
            .await;
    }
}

#[tokio::test]
async fn keys_that_are_deleted_are_made_anew_and_roll_no_pod() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    let before = pods(&operator).await;
    for old in both(&operator).await {
        let name = old.name_any();
        operator
            .api::<Secret>()
            .delete(&name, &DeleteParams::default())
            .await
            .unwrap();
        let new = operator
            .until(&name, "a new Secret", |secret: &Secret| secret.uid() != old.uid())
            .await;
        assert_ne!(new.data, old.data);
    }
    assert_eq!(pods_after_a_look(&operator).await, before);
}

#[tokio::test]
async fn a_change_of_the_deletion_policy_changes_only_whose_the_keys_are() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    let before = both(&operator).await;
    for (policy, owners) in [("Retain", 0), ("Delete", 1)] {
        operator.patch_spec(json!({ "deletionPolicy": policy })).await;
        for secret in &before {
            let now = operator
                .until(&secret.name_any(), policy, |secret: &Secret| {
                    secret.owner_references().len() == owners
                })
                .await;
            assert_eq!((&now.data, now.labels()), (&secret.data, secret.labels()));
        }
    }
}

#[tokio::test]
async fn a_secret_of_nobody_is_taken_over_when_it_is_handed_over_and_not_before() {
    let operator = operator().await;
    let own = json!({ "main.pem": "a key of their own", "ring.json": "{\"signer\": \"main\"}" });
    let ring = operator.create_secret("demo-jwt", own).await;

    operator.create(json!({})).await;
    let stalled = operator
        .condition(ConditionType::Stalled, "True", "OwnershipConflict")
        .await;
    let said = message(&stalled, ConditionType::Ready).to_owned();
    let untouched: Secret = operator.get("demo-jwt").await;
    assert_eq!(untouched.resource_version(), ring.resource_version());

    // As the message says.
    let (_, labels) = said.split_once("kubectl label secret demo-jwt ").expect(&said);
    let labels: BTreeMap<_, _> = labels
        .trim_end_matches('`')
        .split(' ')
        .map(|label| label.split_once('=').unwrap())
        .collect();
    operator
        .patch_secret("demo-jwt", json!({ "metadata": { "labels": labels } }))
        .await;
    operator.become_ready().await;
    let taken: Secret = operator.get("demo-jwt").await;
    assert_eq!((taken.uid(), &taken.data), (ring.uid(), &ring.data));
    assert_eq!(taken.owner_references().len(), 1);
}
