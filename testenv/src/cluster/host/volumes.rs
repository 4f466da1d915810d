//! The provisioner of the StorageClass `standard`: a folder of the node for each claim.
//!
//! hostPath volumes would need no provisioner, but kubelet applies no fsGroup to them; `local` ones are what real
//! clusters have, too.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::StreamExt;
use k8s_openapi::{
    api::core::v1::{PersistentVolume, PersistentVolumeClaim},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, PostParams},
    runtime::{Controller, controller::Action, watcher},
};
use serde_json::json;

use super::machine::Machine;
use crate::Error;

/// The name in the StorageClass.
const PROVISIONER: &str = "dev.ultra.testenv/local";

const STORAGE_CLASS: &str = "standard";

/// Where the scheduler notes on a claim which node its first pod will run on.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// By this, Kubernetes knows that the volume's end is ours to bring about.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// The label that a node's name stands in.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The folder of a node that has its volumes' folders.
const FOLDER: &str = "/var/lib/kubelet/ultra-testenv-volumes";

const RETRY: Duration = Duration::from_secs(1);

struct Provisioner {
    client: Client,
    machine: Machine,
    node: String,
}

/// Makes volumes on one node for claims and removes them when those are gone, for ever.
pub(super) async fn serve(client: Client, machine: Machine, node: String) {
    let claims = Controller::new(
        Api::<PersistentVolumeClaim>::all(client.clone()),
        watcher::Config::default(),
    );
    let volumes = Controller::new(
        Api::<PersistentVolume>::all(client.clone()),
        watcher::Config::default(),
    );
    let provisioner = Arc::new(Provisioner {
        client,
        machine,
        node,
    });
    let claims = claims
        .run(provide, retry, provisioner.clone())
        .for_each(|result| async {
            if let Err(error) = result {
                tracing::warn!("a volume claim: {error}");
            }
        });
    let volumes = volumes.run(reclaim, retry, provisioner).for_each(|result| async {
        if let Err(error) = result {
            tracing::warn!("a volume: {error}");
        }
    });
    tokio::join!(claims, volumes);
}

fn retry<T>(_: Arc<T>, _: &Error, _: Arc<Provisioner>) -> Action {
    Action::requeue(RETRY)
}

async fn provide(claim: Arc<PersistentVolumeClaim>, provisioner: Arc<Provisioner>) -> Result<Action, Error> {
    if !wants_volume(&claim, &provisioner.node) {
        return Ok(Action::await_change());
    }
    let name = format!("pvc-{}", claim.uid().unwrap_or_default());
    let folder = format!("{FOLDER}/{name}");
    // Kubelet sets the group of a volume only for pods with an fsGroup.
    provisioner
        .machine
        .run(&["mkdir", "--parents", "--mode=0777", &folder])
        .await?;
    let volumes: Api<PersistentVolume> = Api::all(provisioner.client.clone());
    match volumes
        .create(
            &PostParams::default(),
            &volume(&name, &folder, &claim, &provisioner.node)?,
        )
        .await
    {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        result => drop(result.map_err(Error::kubernetes("create a volume"))?),
    }
    Ok(Action::await_change())
}

fn wants_volume(claim: &PersistentVolumeClaim, node: &str) -> bool {
    let spec = claim.spec.as_ref();
    let class = spec.and_then(|spec| spec.storage_class_name.as_deref());
    let bound = spec.is_some_and(|spec| spec.volume_name.is_some());
    let selected = claim.annotations().get(SELECTED_NODE).map(String::as_str);
    class == Some(STORAGE_CLASS)
        && selected == Some(node)
        && !bound
        && claim.metadata.deletion_timestamp.is_none()
}

fn volume(
    name: &str,
    folder: &str,
    claim: &PersistentVolumeClaim,
    node: &str,
) -> Result<PersistentVolume, Error> {
    let spec = claim.spec.clone().unwrap_or_default();
    let capacity: BTreeMap<String, Quantity> = spec
        .resources
        .and_then(|resources| resources.requests)
        .unwrap_or_default();
    let on_node = json!({"key": HOSTNAME, "operator": "In", "values": [node]});
    serde_json::from_value(json!({
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": capacity,
            "accessModes": spec.access_modes,
            "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "local": {"path": folder},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_node]}]}},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace(),
                "name": claim.name_any(),
                "uid": claim.uid(),
            },
        },
    }))
    .map_err(|error| Error::io("describe a volume", error.into()))
}

async fn reclaim(volume: Arc<PersistentVolume>, provisioner: Arc<Provisioner>) -> Result<Action, Error> {
    let ours = volume
        .annotations()
        .get(PROVISIONED_BY)
        .is_some_and(|by| by == PROVISIONER)
        && is_on(&volume, &provisioner.node);
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    if ours && phase == Some("Released") && volume.metadata.deletion_timestamp.is_none() {
        let name = volume.name_any();
        provisioner
            .machine
            .run(&["rm", "--recursive", "--force", &format!("{FOLDER}/{name}")])
            .await?;
        let volumes: Api<PersistentVolume> = Api::all(provisioner.client.clone());
        match volumes.delete(&name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            result => drop(result.map_err(Error::kubernetes("delete a volume"))?),
        }
    }
    Ok(Action::await_change())
}

/// Whether the volume's folder is on this node: each node removes its own.
fn is_on(volume: &PersistentVolume, node: &str) -> bool {
    let terms = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.node_affinity.as_ref()?.required.as_ref())
        .map(|required| required.node_selector_terms.as_slice())
        .unwrap_or_default();
    terms
        .iter()
        .flat_map(|term| term.match_expressions.iter().flatten())
        .filter(|expression| expression.key == HOSTNAME)
        .flat_map(|expression| expression.values.iter().flatten())
        .any(|value| value == node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(value: serde_json::Value) -> PersistentVolumeClaim {
        serde_json::from_value(value).unwrap()
    }

    fn waiting_on(node: &str) -> serde_json::Value {
        json!({
            "metadata": {"name": "data", "namespace": "n", "uid": "u", "annotations": {SELECTED_NODE: node}},
            "spec": {
                "storageClassName": "standard",
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}}
            }
        })
    }

    #[test]
    fn a_claim_gets_a_volume_when_its_pod_was_given_this_node() {
        assert!(wants_volume(&claim(waiting_on("node-1")), "node-1"));
        assert!(!wants_volume(&claim(waiting_on("node-2")), "node-1"));
    }

    #[test]
    fn a_claim_that_is_bound_or_of_another_class_gets_none() {
        let mut bound = waiting_on("node-1");
        bound["spec"]["volumeName"] = json!("pvc-u");
        assert!(!wants_volume(&claim(bound), "node-1"));
        let mut other = waiting_on("node-1");
        other["spec"]["storageClassName"] = json!("manual");
        assert!(!wants_volume(&claim(other), "node-1"));
    }

    #[test]
    fn a_volume_is_the_claims_alone_and_as_large_as_it_asks() {
        let volume = volume("pvc-u", "/folder", &claim(waiting_on("node-1")), "node-1").unwrap();
        let spec = volume.spec.unwrap();
        assert_eq!(spec.claim_ref.unwrap().uid.as_deref(), Some("u"));
        assert_eq!(spec.capacity.unwrap()["storage"], Quantity(String::from("1Gi")));
        assert_eq!(spec.local.unwrap().path, "/folder");
    }

    #[test]
    fn a_volume_is_removed_by_the_node_that_has_it() {
        let volume = volume("pvc-u", "/folder", &claim(waiting_on("node-1")), "node-1").unwrap();
        assert!(is_on(&volume, "node-1"));
        assert!(!is_on(&volume, "node-2"));
    }
}
