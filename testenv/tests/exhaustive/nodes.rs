//! A cluster of two nodes.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::{
    Api,
    api::{ListParams, LogParams},
};
use serde_json::json;
use ultra_testenv::Namespace;

use super::pod::{self, restricted};

async fn address(namespace: &Namespace, pod: &str) -> String {
    let pods: Api<Pod> = Api::default_namespaced(namespace.client());
    pods.get(pod).await.unwrap().status.unwrap().pod_ip.unwrap()
}

#[tokio::test]
async fn pods_of_two_nodes_reach_each_other_by_their_own_addresses() {
    let cluster = pod::cluster(2).await;
    let namespace = cluster.namespace().await.unwrap();
    let mut server = pod::redis("server");
    server["spec"]["nodeName"] = json!("node-1");
    pod::run(&namespace, server, &["Running"]).await;
    let ask = format!(
        "until redis-cli -e -h {} client info; do sleep 0.2; done",
        address(&namespace, "server").await
    );
    let mut client = restricted("client", &["sh", "-c", &ask]);
    client["spec"]["nodeName"] = json!("node-2");
    pod::run(&namespace, client, &["Succeeded"]).await;

    let pods: Api<Pod> = Api::default_namespaced(namespace.client());
    let seen = pods.logs("client", &LogParams::default()).await.unwrap();
    let own = format!(" addr={}:", address(&namespace, "client").await);
    assert!(seen.contains(&own), "the server does not see{own} but {seen}");
}

#[tokio::test]
async fn a_claim_gets_its_volume_on_the_node_of_its_pod() {
    let cluster = pod::cluster(2).await;
    let namespace = cluster.namespace().await.unwrap();
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(namespace.client());
    let writer = restricted("writer", &["sh", "-c", "echo kept > /data/file"]);
    let mut writer = pod::with_volume(&namespace, "data", writer).await;
    writer["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": "node-2"});
    pod::run(&namespace, writer, &["Succeeded"]).await;

    let volume = claims
        .get("data")
        .await
        .unwrap()
        .spec
        .unwrap()
        .volume_name
        .unwrap();
    let volumes: Api<PersistentVolume> = Api::all(cluster.client());
    let found = volumes.list(&ListParams::default()).await.unwrap();
    let volume = found
        .iter()
        .find(|found| found.metadata.name.as_ref() == Some(&volume))
        .unwrap();
    let on = serde_json::to_string(&volume.spec.as_ref().unwrap().node_affinity).unwrap();
    assert!(on.contains("node-2") && !on.contains("node-1"), "{on}");
}
