//! Pods for tests.

use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};
use ultra_testenv::{Cluster, Namespace, wait_for};

/// Starting takes a second; on a machine that is busy with other tests, many.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// It has a shell and the usual small programs.
const IMAGE: &str = "redis:8";

/// A cluster of at least so many nodes, that have the image of [`restricted`].
pub(crate) async fn cluster(nodes: u8) -> Cluster {
    let cluster = Cluster::with_nodes(nodes).await.unwrap();
    cluster.load_image(IMAGE).await.unwrap();
    cluster
}

/// A pod that the strictest Pod Security level takes.
pub(crate) fn restricted(name: &str, command: &[&str]) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 999, "runAsGroup": 999, "fsGroup": 999,
                "seccompProfile": {"type": "RuntimeDefault"}
            },
            "containers": [{
                "name": "main",
                "image": IMAGE,
                "command": command,
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]}
                }
            }]
        }
    })
}

/// A Redis that others may ask.
pub(crate) fn redis(name: &str) -> Value {
    restricted(name, &["redis-server", "--protected-mode", "no", "--save", ""])
}

/// Claims a volume of the default class, and mounts it in the pod at `/data`.
pub(crate) async fn with_volume(namespace: &Namespace, claim: &str, mut pod: Value) -> Value {
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(namespace.client());
    let wanted: PersistentVolumeClaim = serde_json::from_value(json!({
        "metadata": {"name": claim},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    }))
    .unwrap();
    claims.create(&PostParams::default(), &wanted).await.unwrap();
    pod["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    pod
}

/// Creates the pod and waits until it has come to one of the phases; gives that.
pub(crate) async fn run(namespace: &Namespace, pod: Value, phases: &[&str]) -> String {
    let pods: Api<Pod> = Api::default_namespaced(namespace.client());
    let pod: Pod = serde_json::from_value(pod).unwrap();
    let name = pod.metadata.name.clone().unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    wait_for(
        &format!("the pod {name} is one of {phases:?}"),
        DEADLINE,
        async || {
            let status = pods
                .get(&name)
                .await
                .map_err(|error| error.to_string())?
                .status
                .unwrap_or_default();
            match status.phase.as_deref() {
                Some(phase) if phases.contains(&phase) => Ok(phase.to_owned()),
                Some("Succeeded" | "Failed") => panic!("the pod {name} has ended: {status:?}"),
                _ => Err(format!("{status:?}")),
            }
        },
    )
    .await
    .unwrap()
}
