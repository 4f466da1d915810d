//! The API server with the real controllers.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;
use ultra_testenv::{Cluster, wait_for};

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_a_deleted_object_owns_is_garbage_collected() {
    let cluster = Cluster::with_controllers().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let config_maps: Api<ConfigMap> = Api::default_namespaced(namespace.client());
    let create = async |body: serde_json::Value| {
        let config_map = serde_json::from_value(body).unwrap();
        config_maps
            .create(&PostParams::default(), &config_map)
            .await
            .unwrap()
    };
    let owner = create(json!({"metadata": {"name": "owner"}})).await;
    let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.uid()});
    create(json!({"metadata": {"name": "owned", "ownerReferences": [reference]}})).await;
    create(json!({"metadata": {"name": "free"}})).await;

    config_maps
        .delete("owner", &DeleteParams::default())
        .await
        .unwrap();
    wait_for("what it owned is gone", DEADLINE, async || {
        match config_maps.get_opt("owned").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    assert!(config_maps.get_opt("free").await.unwrap().is_some());
}

#[tokio::test]
async fn a_deployment_makes_its_pods() {
    let cluster = Cluster::with_controllers().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let deployments: Api<Deployment> = Api::default_namespaced(namespace.client());
    let labels = json!({"app": "web"});
    let deployment = serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                // No node is called so: where the cluster has one, the pods must not run on it.
                "spec": {
                    "nodeSelector": {"kubernetes.io/hostname": "nowhere"},
                    "containers": [{"name": "web", "image": "web"}]
                }
            }
        }
    }))
    .unwrap();
    deployments
        .create(&PostParams::default(), &deployment)
        .await
        .unwrap();
    let pods: Api<Pod> = Api::default_namespaced(namespace.client());
    wait_for(
        "two pods that the scheduler has looked at",
        DEADLINE,
        async || {
            let pods = pods
                .list(&ListParams::default())
                .await
                .map_err(|error| error.to_string())?
                .items;
            let unschedulable = pods.iter().filter(|pod| is_unschedulable(pod)).count();
            if unschedulable == 2 {
                Ok(())
            } else {
                Err(format!("{unschedulable} of {}", pods.len()))
            }
        },
    )
    .await
    .unwrap();
}

fn is_unschedulable(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.reason.as_deref() == Some("Unschedulable"))
}

#[tokio::test]
async fn a_namespace_that_is_dropped_goes_with_all_in_it() {
    let cluster = Cluster::with_controllers().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let name = namespace.name().to_owned();
    let config_map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "settings"}})).unwrap();
    let config_maps: Api<ConfigMap> = Api::default_namespaced(namespace.client());
    config_maps
        .create(&PostParams::default(), &config_map)
        .await
        .unwrap();
    drop(namespace);
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    wait_for("the namespace is gone", DEADLINE, async || {
        match namespaces.get_opt(&name).await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}
