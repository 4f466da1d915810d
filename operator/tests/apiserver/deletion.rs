//! With Kubernetes' own controllers, because owners cascade by them.

use super::harness::{Object, Operator};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet, StatefulSet},
    core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount},
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::json;
use std::time::Duration;
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

    operator
        .api::<ultra_operator::crd::UltraDeployment>()
        .delete("demo", &DeleteParams::default())
        .await
        .unwrap();

    wait_for("nothing to be left", COLLECTED, async || {
        let left = everything_left(&operator).await;
        if left.is_empty() {
            Ok(())
        } else {
            Err(left.join(", "))
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_volume_that_is_to_be_retained_stays() {
    let operator = Operator::start(Cluster::with_controllers().await.unwrap()).await;
    operator.create(json!({ "deletionPolicy": "Retain" })).await;
    operator
        .get::<PersistentVolumeClaim>("data-demo-postgres-0")
        .await;

    operator
        .api::<ultra_operator::crd::UltraDeployment>()
        .delete("demo", &DeleteParams::default())
        .await
        .unwrap();

    wait_for("only the volume to be left", COLLECTED, async || {
        let left = everything_left(&operator).await;
        if left == ["PersistentVolumeClaim data-demo-postgres-0"] {
            Ok(())
        } else {
            Err(left.join(", "))
        }
    })
    .await
    .unwrap();
}
