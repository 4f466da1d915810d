//! All that there is in a namespace.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::{
    Api, Discovery, ResourceExt,
    api::{DynamicObject, ListParams},
    discovery::{Scope, verbs},
};
use ultra_testenv::{Cluster, Namespace};

/// What tells of objects and is not made by anybody.
const CHRONICLE: &str = "Event";

/// Every object in the namespace, of every kind that can be listed, and every volume that belongs to a claim in it.
pub(crate) async fn of(cluster: &Cluster, namespace: &Namespace) -> BTreeSet<String> {
    let client = cluster.client();
    let discovery = Discovery::new(client.clone()).run_aggregated().await.unwrap();
    let mut found = BTreeSet::new();
    for (kind, capabilities) in discovery.groups().flat_map(|group| group.recommended_resources()) {
        let listed = capabilities.scope == Scope::Namespaced && capabilities.supports_operation(verbs::LIST);
        if listed && kind.kind != CHRONICLE {
            let objects: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace.name(), &kind);
            let objects = objects.list(&ListParams::default()).await.unwrap();
            found.extend(
                objects
                    .iter()
                    .map(|object| format!("{}/{}", kind.kind, object.name_any())),
            );
        }
    }
    found.extend(volumes(cluster, namespace).await);
    found
}

async fn volumes(cluster: &Cluster, namespace: &Namespace) -> Vec<String> {
    let volumes: Api<PersistentVolume> = Api::all(cluster.client());
    let volumes = volumes.list(&ListParams::default()).await.unwrap();
    let claimed = |volume: &&PersistentVolume| {
        let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        claim.and_then(|claim| claim.namespace.as_deref()) == Some(namespace.name())
    };
    volumes
        .iter()
        .filter(claimed)
        .map(|volume| format!("PersistentVolume/{}", volume.name_any()))
        .collect()
}
