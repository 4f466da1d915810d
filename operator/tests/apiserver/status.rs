use super::harness::{Operator, from, message};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use ultra_operator::crd::{ConditionType, UltraDeployment};
use ultra_testenv::Cluster;

async fn operator() -> Operator {
    Operator::start(Cluster::api_server().await.unwrap()).await
}

#[tokio::test]
async fn ready_never_speaks_of_an_older_generation() {
    let operator = operator().await;
    operator.create(json!({})).await;
    let first = operator.become_ready().await;

    operator.patch_spec(json!({ "replicas": 2 })).await;
    let second = operator
        .condition(ConditionType::Ready, "False", "RollingOut")
        .await;
    assert!(second.metadata.generation > first.metadata.generation);
    operator
        .condition(ConditionType::Available, "True", "Serving")
        .await;

    operator.deployment_is_available("demo").await;
    let third = operator
        .condition(ConditionType::Ready, "True", "Available")
        .await;
    assert_eq!(
        third.status.unwrap().observed_generation,
        second.metadata.generation
    );
}

#[tokio::test]
async fn a_condition_that_keeps_its_status_keeps_its_time() {
    let operator = operator().await;
    operator.create(json!({})).await;
    let before = operator.become_ready().await;
    operator.patch_spec(json!({ "replicas": 2 })).await;
    operator
        .condition(ConditionType::Ready, "False", "RollingOut")
        .await;
    let after = operator
        .condition(ConditionType::DatabaseReady, "True", "Available")
        .await;
    let since = |ud: &UltraDeployment| {
        ud.status
            .as_ref()
            .unwrap()
            .condition(ConditionType::DatabaseReady)
            .unwrap()
            .last_transition_time
            .clone()
    };
    assert_eq!(since(&before), since(&after));
}

#[tokio::test]
async fn a_secret_that_is_missing_is_named_and_its_coming_heals() {
    let operator = operator().await;
    let url = json!({ "urlSecretRef": { "name": "urls", "key": "database" } });
    operator
        .create(json!({ "database": { "external": url }, "cache": { "memory": {} } }))
        .await;
    let stalled = operator
        .condition(ConditionType::Stalled, "True", "SecretMissing")
        .await;
    assert!(message(&stalled, ConditionType::Ready).contains("Secret urls"));

    operator.create_secret("urls", json!({ "other": "x" })).await;
    operator
        .condition(ConditionType::Stalled, "True", "SecretKeyMissing")
        .await;

    let key = json!({ "stringData": { "database": "postgres://u:p@example.com/ultra" } });
    operator.patch_secret("urls", key).await;
    operator
        .condition(ConditionType::Stalled, "False", "NotStalled")
        .await;
    operator.deployment_is_available("demo").await;
    operator
        .condition(ConditionType::Ready, "True", "Available")
        .await;
}

#[tokio::test]
async fn a_new_url_in_a_secret_of_someone_else_rolls_the_pods() {
    let operator = operator().await;
    let content = json!({ "url": "postgres://u:p@one.example.com/ultra" });
    operator.create_secret("urls", content).await;
    let url = json!({ "urlSecretRef": { "name": "urls", "key": "url" } });
    operator
        .create(json!({ "database": { "external": url }, "cache": { "memory": {} } }))
        .await;
    let pods = |service: &Deployment| service.spec.as_ref().unwrap().template.metadata.clone();
    let before = pods(&operator.get("demo").await);

    let other = json!({ "stringData": { "url": "postgres://u:p@two.example.com/ultra" } });
    operator.patch_secret("urls", other).await;
    operator
        .until("demo", "other pods", |service: &Deployment| {
            pods(service) != before
        })
        .await;
}

#[tokio::test]
async fn a_pod_that_crashes_is_told_with_its_last_words_and_forgotten_when_it_is_gone() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.stateful_set_is_available("demo-postgres").await;
    operator.deployment_is_available("demo-redis").await;
    let service: Deployment = operator.get("demo").await;
    let labels = service.spec.unwrap().template.metadata.unwrap().labels;
    let pod: Pod = from(json!({
        "metadata": { "name": "demo-1", "labels": labels },
        "spec": { "containers": [{ "name": "ultra-service", "image": "ultra-service:1" }] },
    }));
    operator.api().create(&PostParams::default(), &pod).await.unwrap();
    let crash = Patch::Merge(json!({ "status": { "containerStatuses": [{
        "name": "ultra-service", "image": "ultra-service:1", "imageID": "", "ready": false, "restartCount": 2,
        "state": { "waiting": { "reason": "CrashLoopBackOff" } },
        "lastState": { "terminated": { "exitCode": 2, "message": "ULTRA_MODE is wrong" } },
    }] } }));
    operator
        .api::<Pod>()
        .patch_status("demo-1", &PatchParams::default(), &crash)
        .await
        .unwrap();
    let crashing = operator
        .condition(ConditionType::Ready, "False", "CrashLoopBackOff")
        .await;
    assert!(message(&crashing, ConditionType::Ready).ends_with("exit code 2: ULTRA_MODE is wrong"));

    let now = DeleteParams {
        grace_period_seconds: Some(0),
        ..Default::default()
    };
    operator.api::<Pod>().delete("demo-1", &now).await.unwrap();
    operator
        .condition(ConditionType::Ready, "False", "RollingOut")
        .await;
}

#[tokio::test]
async fn a_volume_that_exists_keeps_its_size() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    operator
        .patch_spec(json!({ "database": { "builtin": { "storage": "3Gi" } } }))
        .await;
    let stalled = operator
        .condition(ConditionType::Stalled, "True", "VolumeFixed")
        .await;
    assert!(message(&stalled, ConditionType::Ready).contains("write 1Gi"));
    operator.patch_spec(json!({ "database": null })).await;
    operator
        .condition(ConditionType::Ready, "True", "Available")
        .await;
}

#[tokio::test]
async fn a_database_that_is_away_holds_back_the_next_rollout() {
    let operator = operator().await;
    operator.create(json!({})).await;
    operator.become_ready().await;
    let away = Patch::Merge(json!({ "status": { "readyReplicas": 0, "availableReplicas": 0 } }));
    let sets = operator.api::<k8s_openapi::api::apps::v1::StatefulSet>();
    sets.patch_status("demo-postgres", &PatchParams::default(), &away)
        .await
        .unwrap();
    operator
        .condition(ConditionType::Ready, "False", "DatabaseNotReady")
        .await;

    operator.patch_spec(json!({ "replicas": 2 })).await;
    operator
        .condition(ConditionType::DatabaseReady, "False", "DatabaseNotReady")
        .await;
    let held: Deployment = operator.get("demo").await;
    assert_eq!(held.spec.unwrap().replicas, Some(1));

    operator.stateful_set_is_available("demo-postgres").await;
    operator
        .until("demo", "two replicas", |service: &Deployment| {
            service.spec.as_ref().unwrap().replicas == Some(2)
        })
        .await;
}
