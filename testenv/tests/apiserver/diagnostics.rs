//! What is told of a namespace when a test fails.

use std::time::Duration;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::{Api, api::PostParams};
use serde_json::json;
use ultra_testenv::{Cluster, wait_for};

#[tokio::test]
async fn the_diagnostics_of_a_namespace_tell_why_a_deployment_has_no_pods() {
    let cluster = Cluster::with_controllers().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let deployments: Api<Deployment> = Api::default_namespaced(namespace.client());
    let deployment = serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"serviceAccountName": "absent", "containers": [{"name": "web", "image": "web"}]}
            }
        }
    }))
    .unwrap();
    deployments
        .create(&PostParams::default(), &deployment)
        .await
        .unwrap();
    wait_for(
        "the event and the conditions are told",
        Duration::from_secs(60),
        async || {
            let told = namespace.diagnostics().await;
            let event = "Warning FailedCreate ReplicaSet/web-";
            let reason = "serviceaccount \"absent\" not found";
            let condition = "Deployment/web: Available=False MinimumReplicasUnavailable";
            if [event, reason, condition].iter().all(|part| told.contains(part)) {
                Ok(())
            } else {
                Err(told)
            }
        },
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_panic_in_a_test_ends_its_namespace_too() {
    let cluster = Cluster::with_controllers().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let config_maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let failed = tokio::spawn(async move {
        let _namespace = namespace;
        panic!("as a failing test would");
    })
    .await;
    assert!(failed.unwrap_err().is_panic());
    let late: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "late"}})).unwrap();
    let refusal = config_maps
        .create(&PostParams::default(), &late)
        .await
        .unwrap_err();
    // Closed, or gone already.
    let said = refusal.to_string();
    assert!(
        said.contains("being terminated") || said.contains("not found"),
        "{said}"
    );
}
