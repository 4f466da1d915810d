//! With Kubernetes' own controllers, because owners cascade by them.

use super::harness::{Object, Operator};
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::{Deployment, ReplicaSet, StatefulSet},
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount},
    },
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use ultra_operator::names::INSTANCE;
use ultra_testenv::{Cluster, wait_for};

/// The garbage collector looks for kinds that are new to it, as this one is in a fresh cluster, every 30 seconds.
const COLLECTED: Duration = Duration::from_secs(120);

async fn left<K: Object>(operator: &Operator, left: &mut Vec<String>) {
    let of_demo = ListParams::default().labels(&format!("{INSTANCE}=demo"));
    for object in operator.api::<K>().list(&of_demo).await.unwrap() {
        left.push(format!("{} {}", K::kind(&()), object.name_any()));
    }
}

async fn everything_left(operator: &Operator) -> Vec<String> {
    let mut found = Vec::new();
    left::<ServiceAccount>(operator, &mut found).await;
    left::<Secret>(operator, &mut found).await;
    left::<ConfigMap>(operator, &mut found).await;
    left::<Service>(operator, &mut found).await;
    left::<StatefulSet>(operator, &mut found).await;
    left::<Deployment>(operator, &mut found).await;
    left::<ReplicaSet>(operator, &mut found).await;
    left::<Pod>(operator, &mut found).await;
    left::<PersistentVolumeClaim>(operator, &mut found).await;
    found
}

#[tokio::test]
async fn a_deleted_resource_leaves_nothing_behind() {
    let operator = Operator::start(Cluster::with_controllers().await.unwrap()).await;
    operator.create(json!({})).await;
    operator
        .get::<PersistentVolumeClaim>("data-demo-postgres-0")
        .await;
    operator.get::<Pod>("demo-postgres-0").await;

    delete(&operator).await;
    until_left(&operator, &[]).await;
}

#[tokio::test]
async fn a_volume_that_is_to_be_retained_stays_with_its_password_and_the_keys_and_is_taken_over() {
    let operator = Operator::start(Cluster::with_controllers().await.unwrap()).await;
    operator.create(json!({ "deletionPolicy": "Retain" })).await;
    let claim = "data-demo-postgres-0";
    operator.get::<PersistentVolumeClaim>(claim).await;
    let before = retained(&operator).await;

    delete(&operator).await;
    until_left(
        &operator,
        &[
            "Secret demo-jwt",
            "Secret demo-master-key",
            "Secret demo-postgres",
            "PersistentVolumeClaim data-demo-postgres-0",
        ],
    )
    .await;

    // A resource that retains nothing takes them over as well, and with it they go.
    operator.create(json!({ "deletionPolicy": "Delete" })).await;
    for name in RETAINED {
        operator
            .until(name, "an owner", |secret: &Secret| {
                !secret.owner_references().is_empty()
            })
            .await;
    }
    assert_eq!(retained(&operator).await, before);
    operator.get::<Pod>("demo-postgres-0").await;
    operator
        .until(claim, "an owner", |claim: &PersistentVolumeClaim| {
            !claim.owner_references().is_empty()
        })
        .await;
    delete(&operator).await;
    until_left(&operator, &[]).await;
}

const RETAINED: [&str; 3] = ["demo-jwt", "demo-master-key", "demo-postgres"];

/// Which Secrets there are, and what is in them.
async fn retained(operator: &Operator) -> Vec<(Option<String>, Option<BTreeMap<String, ByteString>>)> {
    let mut found = Vec::new();
    for name in RETAINED {
        let secret: Secret = operator.get(name).await;
        found.push((secret.uid(), secret.data));
    }
    found
}

async fn delete(operator: &Operator) {
    operator
        .api::<ultra_operator::crd::UltraDeployment>()
        .delete("demo", &DeleteParams::default())
        .await
        .unwrap();
}

async fn until_left(operator: &Operator, expected: &[&str]) {
    wait_for(&format!("only {expected:?} to be left"), COLLECTED, async || {
        let left = everything_left(operator).await;
        if left == expected {
            Ok(())
        } else {
            Err(left.join(", "))
        }
    })
    .await
    .unwrap();
}
