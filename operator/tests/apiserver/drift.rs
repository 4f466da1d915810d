use super::harness::{Object, Operator, from, message};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{ConfigMap, PodTemplateSpec, Secret, Service, ServiceAccount},
};
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use std::collections::BTreeMap;
use ultra_operator::crd::{ConditionType, UltraDeployment};
use ultra_testenv::{Cluster, wait_for};

async fn operator() -> Operator {
    Operator::start(Cluster::api_server().await.unwrap()).await
}

#[tokio::test]
async fn the_smallest_resource_becomes_a_whole_ultra_in_order() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator
        .condition(ConditionType::Ready, "False", "DatabaseNotReady")
        .await;
    let service = operator.api::<Deployment>().get_opt("demo").await.unwrap();
    assert!(
        service.is_none(),
        "the service starts before its database is there"
    );

    let ready = operator.become_ready().await;

    let status = ready.status.unwrap();
    assert_eq!(
        (status.ready_replicas, status.observed_generation),
        (1, ready.metadata.generation)
    );
    assert_eq!(status.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    operator.get::<ServiceAccount>("demo").await;
    for name in ["demo", "demo-postgres", "demo-redis"] {
        operator.get::<Service>(name).await;
    }
}

/// The resourceVersions of all children, by kind and name.
async fn versions(operator: &Operator) -> BTreeMap<String, String> {
    async fn of<K: Object>(operator: &Operator, versions: &mut BTreeMap<String, String>) {
        for object in operator.api::<K>().list(&Default::default()).await.unwrap() {
            let name = format!("{} {}", K::kind(&()), object.name_any());
            versions.insert(name, object.resource_version().unwrap());
        }
    }
    let mut versions = BTreeMap::new();
    of::<ServiceAccount>(operator, &mut versions).await;
    of::<Secret>(operator, &mut versions).await;
    of::<ConfigMap>(operator, &mut versions).await;
    of::<Service>(operator, &mut versions).await;
    of::<StatefulSet>(operator, &mut versions).await;
    of::<Deployment>(operator, &mut versions).await;
    versions
}

#[tokio::test]
async fn a_converged_resource_is_written_no_more_not_even_by_an_operator_that_has_just_started() {
    let mut operator = operator().await;
    operator
        .create(json!({ "resources": { "limits": { "cpu": "0.5", "memory": "1Gi" } } }))
        .await;
    operator.become_ready().await;
    let before = versions(&operator).await;

    operator.restart().await;
    // A change with an effect tells that everything before it was looked at.
    operator.patch_spec(json!({ "replicas": 2 })).await;
    operator
        .until("demo", "two replicas", |service: &Deployment| {
            service.spec.as_ref().unwrap().replicas == Some(2)
        })
        .await;
    operator.deployment_is_available("demo").await;
    operator
        .condition(ConditionType::Ready, "True", "Available")
        .await;

    let mut after = versions(&operator).await;
    after.insert("Deployment demo".into(), before["Deployment demo"].clone());
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_child_that_is_changed_or_deleted_by_hand_is_put_back() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    let patch = PatchParams::default();

    let wrong_port = Patch::Merge(json!({ "spec": { "selector": { "app.kubernetes.io/name": "other" } } }));
    operator
        .api::<Service>()
        .patch("demo", &patch, &wrong_port)
        .await
        .unwrap();
    operator
        .until("demo", "the Service's own selector", |service: &Service| {
            let selector = service.spec.as_ref().unwrap().selector.as_ref().unwrap();
            selector["app.kubernetes.io/name"] == "ultra-service"
        })
        .await;

    let scaled = Patch::Merge(json!({ "spec": { "replicas": 5 } }));
    operator
        .api::<Deployment>()
        .patch("demo-redis", &patch, &scaled)
        .await
        .unwrap();
    operator
        .until("demo-redis", "one Redis", |redis: &Deployment| {
            redis.spec.as_ref().unwrap().replicas == Some(1)
        })
        .await;

    let old = operator.get::<Service>("demo-postgres").await.uid();
    operator
        .api::<Service>()
        .delete("demo-postgres", &DeleteParams::default())
        .await
        .unwrap();
    operator
        .until("demo-postgres", "a new Service", |service: &Service| {
            service.uid() != old
        })
        .await;
}

#[tokio::test]
async fn what_others_add_to_a_child_stays() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;

    let annotation = Patch::Merge(json!({ "metadata": { "annotations": { "example.com/note": "kept" } } }));
    operator
        .api::<Deployment>()
        .patch("demo", &PatchParams::default(), &annotation)
        .await
        .unwrap();
    operator.patch_spec(json!({ "replicas": 2 })).await;

    let service: Deployment = operator
        .until("demo", "two replicas", |service: &Deployment| {
            service.spec.as_ref().unwrap().replicas == Some(2)
        })
        .await;
    assert_eq!(
        service.annotations().get("example.com/note").map(String::as_str),
        Some("kept")
    );
}

#[tokio::test]
async fn a_field_that_the_spec_drops_is_dropped_from_every_child() {
    fn has_none(pod: &PodTemplateSpec) -> bool {
        pod.spec
            .as_ref()
            .unwrap()
            .image_pull_secrets
            .as_ref()
            .is_none_or(Vec::is_empty)
    }
    let operator = operator().await;
    operator
        .create(json!({ "image": { "pullSecrets": [{ "name": "registry" }] } }))
        .await;
    operator.become_ready().await;

    operator.patch_spec(json!({ "image": null })).await;

    operator
        .until("demo-postgres", "no pull secret", |set: &StatefulSet| {
            has_none(&set.spec.as_ref().unwrap().template)
        })
        .await;
    operator.stateful_set_is_available("demo-postgres").await;
    operator
        .until("demo", "no pull secret", |service: &Deployment| {
            has_none(&service.spec.as_ref().unwrap().template)
        })
        .await;
}

fn password(secret: &Secret) -> Vec<u8> {
    secret.data.as_ref().unwrap()["password"].0.clone()
}

fn checksum(set: &StatefulSet) -> String {
    let pod = set.spec.as_ref().unwrap().template.metadata.as_ref().unwrap();
    pod.annotations.as_ref().unwrap()["ultra.dev/secrets-checksum"].clone()
}

#[tokio::test]
async fn a_generated_secret_is_never_overwritten_and_one_that_was_deleted_is_made_anew_and_rolled_out() {
    let mut operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    let first = operator.get::<Secret>("demo-postgres").await;
    let rolled_out = checksum(&operator.get("demo-postgres").await);

    operator.restart().await;
    operator
        .patch_spec(json!({ "shutdown": { "drainSeconds": 7 } }))
        .await;
    operator
        .until("demo", "the new drain", |service: &Deployment| {
            let pod = service.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
            pod.termination_grace_period_seconds == Some(15)
        })
        .await;
    assert_eq!(password(&operator.get("demo-postgres").await), password(&first));

    operator
        .api::<Secret>()
        .delete("demo-postgres", &DeleteParams::default())
        .await
        .unwrap();
    let second = operator
        .until("demo-postgres", "a new Secret", |secret: &Secret| {
            secret.uid() != first.uid()
        })
        .await;
    assert_ne!(password(&second), password(&first));
    operator
        .until(
            "demo-postgres",
            "a rollout with the new password",
            |set: &StatefulSet| checksum(set) != rolled_out,
        )
        .await;
}

#[tokio::test]
async fn a_secret_that_lost_its_labels_is_recognised_and_keeps_its_password() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    let before = operator.get::<Secret>("demo-redis").await;
    let unlabelled = Patch::Merge(json!({ "metadata": { "labels": null } }));
    operator
        .api::<Secret>()
        .patch("demo-redis", &PatchParams::default(), &unlabelled)
        .await
        .unwrap();
    let after = operator
        .until("demo-redis", "the labels again", |secret: &Secret| {
            secret.labels() == before.labels()
        })
        .await;
    assert_eq!(password(&after), password(&before));
}

#[tokio::test]
async fn parts_that_the_spec_no_longer_asks_for_go_once_no_pod_uses_them() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    let old_config: Vec<String> = config_maps(&operator).await;

    operator
        .patch_spec(json!({ "cache": { "memory": {} }, "shutdown": { "drainSeconds": 9 } }))
        .await;
    operator
        .condition(ConditionType::Ready, "False", "RollingOut")
        .await;
    operator.get::<Deployment>("demo-redis").await;

    operator.deployment_is_available("demo").await;
    operator
        .condition(ConditionType::Ready, "True", "Available")
        .await;
    operator.until_gone::<Deployment>("demo-redis").await;
    operator.until_gone::<Service>("demo-redis").await;
    operator.until_gone::<Secret>("demo-redis").await;
    for name in old_config {
        operator.until_gone::<ConfigMap>(&name).await;
    }
    assert_eq!(config_maps(&operator).await.len(), 1);
}

async fn config_maps(operator: &Operator) -> Vec<String> {
    let all = operator
        .api::<ConfigMap>()
        .list(&Default::default())
        .await
        .unwrap();
    all.iter()
        .map(ResourceExt::name_any)
        .filter(|name| name.starts_with("demo-config-"))
        .collect()
}

#[tokio::test]
async fn an_object_of_someone_else_is_not_taken_over() {
    let operator = operator().await;
    let foreign: Service = from(json!({
        "metadata": { "name": "demo-postgres" }, "spec": { "ports": [{ "port": 1 }], "selector": { "app": "other" } },
    }));
    let foreign = operator
        .api()
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();

    operator.create(json!({})).await;
    let stalled = operator
        .condition(ConditionType::Stalled, "True", "OwnershipConflict")
        .await;
    let message = message(&stalled, ConditionType::Ready);
    assert!(message.contains("Service demo-postgres"), "{message}");
    let untouched: Service = operator.get("demo-postgres").await;
    assert_eq!(untouched.resource_version(), foreign.resource_version());

    operator
        .api::<Service>()
        .delete("demo-postgres", &DeleteParams::default())
        .await
        .unwrap();
    operator
        .condition(ConditionType::Stalled, "False", "NotStalled")
        .await;
}

#[tokio::test]
async fn a_resource_that_is_paused_is_left_alone_and_reported() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    operator
        .patch_spec(json!({ "paused": true, "replicas": 3 }))
        .await;
    operator.condition(ConditionType::Paused, "True", "Paused").await;
    let service: Deployment = operator.get("demo").await;
    assert_eq!(service.spec.unwrap().replicas, Some(1));

    operator.patch_spec(json!({ "paused": false })).await;
    operator
        .until("demo", "three replicas", |service: &Deployment| {
            service.spec.as_ref().unwrap().replicas == Some(3)
        })
        .await;
}

#[tokio::test]
async fn what_was_put_back_is_told_in_an_event() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    let scaled = Patch::Merge(json!({ "spec": { "replicas": 5 } }));
    operator
        .api::<Deployment>()
        .patch("demo-redis", &PatchParams::default(), &scaled)
        .await
        .unwrap();
    let events = operator.api::<k8s_openapi::api::events::v1::Event>();
    wait_for("the event", super::harness::SOON, async || {
        let seen = events
            .list(&Default::default())
            .await
            .map_err(|error| error.to_string())?;
        let reasons: Vec<String> = seen.iter().filter_map(|event| event.reason.clone()).collect();
        if reasons.iter().any(|reason| reason == "Restored") {
            Ok(())
        } else {
            Err(format!("{reasons:?}"))
        }
    })
    .await
    .unwrap();
    let ud: UltraDeployment = operator.get("demo").await;
    assert!(ud.status.is_some());
}
