//! The node itself, and what pods on it can count on.

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod, Service};
use kube::{
    Api,
    api::{DeleteParams, ListParams, LogParams, PostParams},
};
use serde_json::json;
use ultra_testenv::{Cluster, Namespace, PodSecurity, wait_for};

use crate::pod::{self, DEADLINE, restricted};

async fn log(namespace: &Namespace, pod: &str) -> String {
    let pods: Api<Pod> = Api::default_namespaced(namespace.client());
    pods.logs(pod, &LogParams::default()).await.unwrap()
}

#[tokio::test]
async fn the_node_is_ready() {
    let cluster = Cluster::with_node().await.unwrap();
    let nodes = Api::<Node>::all(cluster.client())
        .list(&ListParams::default())
        .await
        .unwrap();
    let conditions = nodes.items[0]
        .status
        .as_ref()
        .unwrap()
        .conditions
        .as_ref()
        .unwrap();
    assert!(
        conditions
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    );
}

#[tokio::test]
async fn a_restricted_pod_runs_and_its_log_can_be_read() {
    let cluster = pod::cluster(1).await;
    let namespace = cluster.namespace_with(PodSecurity::Restricted).await.unwrap();
    let hello = restricted("hello", &["sh", "-c", "id -u && echo done"]);
    pod::run(&namespace, hello, &["Succeeded"]).await;
    assert_eq!(log(&namespace, "hello").await, "999\ndone\n");
}

#[tokio::test]
async fn a_service_is_found_by_its_name_and_reached_through_its_address() {
    let cluster = pod::cluster(1).await;
    let namespace = cluster.namespace().await.unwrap();
    let service: Service = serde_json::from_value(json!({
        "metadata": {"name": "cache"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 6379}]}
    }))
    .unwrap();
    let services: Api<Service> = Api::default_namespaced(namespace.client());
    services.create(&PostParams::default(), &service).await.unwrap();
    pod::run(&namespace, pod::redis("server"), &["Running"]).await;
    // Its endpoint comes a moment after the server.
    let ask = "until redis-cli -e -h cache -p 80 ping; do sleep 0.2; done";
    pod::run(
        &namespace,
        restricted("client", &["sh", "-c", ask]),
        &["Succeeded"],
    )
    .await;
    assert!(log(&namespace, "client").await.ends_with("PONG\n"));
}

#[tokio::test]
async fn a_claim_gets_a_volume_that_its_pod_may_write_and_that_goes_with_it() {
    let cluster = pod::cluster(1).await;
    let namespace = cluster.namespace().await.unwrap();
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(namespace.client());
    let writer = restricted(
        "writer",
        &["sh", "-c", "echo kept > /data/file && stat -c %g /data"],
    );
    let writer = pod::with_volume(&namespace, "data", writer).await;
    pod::run(&namespace, writer, &["Succeeded"]).await;
    assert_eq!(
        log(&namespace, "writer").await,
        "999\n",
        "the fsGroup is not applied"
    );

    let volume = claims
        .get("data")
        .await
        .unwrap()
        .spec
        .unwrap()
        .volume_name
        .unwrap();
    let volumes: Api<PersistentVolume> = Api::all(cluster.client());
    let folder = volumes
        .get(&volume)
        .await
        .unwrap()
        .spec
        .unwrap()
        .local
        .unwrap()
        .path;
    let node = node_of(&namespace, "writer").await;
    assert!(
        exists_on_node(&cluster, &node, &folder).await,
        "{folder} is not there while the claim is"
    );

    let pods: Api<Pod> = Api::default_namespaced(namespace.client());
    pods.delete("writer", &DeleteParams::default()).await.unwrap();
    claims.delete("data", &DeleteParams::default()).await.unwrap();
    wait_for("the volume is gone", DEADLINE, async || {
        match volumes.get_opt(&volume).await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    assert!(
        !exists_on_node(&cluster, &node, &folder).await,
        "{folder} is left on the node"
    );
}

async fn node_of(namespace: &Namespace, pod: &str) -> String {
    let pods: Api<Pod> = Api::default_namespaced(namespace.client());
    pods.get(pod).await.unwrap().spec.unwrap().node_name.unwrap()
}

/// Looks from a pod that sees the node's files.
async fn exists_on_node(cluster: &Cluster, node: &str, folder: &str) -> bool {
    let namespace = cluster.namespace().await.unwrap();
    let mut look = restricted("look", &["test", "-d", &format!("/node{folder}")]);
    look["spec"]["nodeName"] = json!(node);
    look["spec"]["volumes"] = json!([{"name": "node", "hostPath": {"path": "/"}}]);
    look["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "node", "mountPath": "/node"}]);
    // Kubelet's folder is root's.
    look["spec"]["securityContext"] = json!({});
    pod::run(&namespace, look, &["Succeeded", "Failed"]).await == "Succeeded"
}
