//! First step: what there is. Everything that the later steps may not fetch for themselves comes in here: live
//! objects, the Secrets that the spec names, randomness and the time.

use crate::{caches::Caches, crd::UltraDeployment, error::Error, fresh::Fresh, names};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount},
    },
    jiff::Timestamp,
};
use kube::{Api, Client, ResourceExt};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What there is, at one moment.
#[derive(Clone)]
pub struct Observed {
    /// The resource's own objects.
    pub children: Children,
    /// Secrets of others that the spec names, by their names. One that does not exist is missing here too.
    pub referenced: BTreeMap<String, Secret>,
    /// For Secrets that are yet to be made.
    pub fresh: Fresh,
    /// When this was.
    pub now: Timestamp,
}

/// The objects that a resource owns, from the watch caches.
#[derive(Clone, Default)]
pub struct Children {
    /// ServiceAccounts.
    pub service_accounts: Vec<Arc<ServiceAccount>>,
    /// Secrets that the operator made.
    pub secrets: Vec<Arc<Secret>>,
    /// ConfigMaps, those of earlier plans included.
    pub config_maps: Vec<Arc<ConfigMap>>,
    /// Services.
    pub services: Vec<Arc<Service>>,
    /// StatefulSets.
    pub stateful_sets: Vec<Arc<StatefulSet>>,
    /// Deployments.
    pub deployments: Vec<Arc<Deployment>>,
    /// Pods of the StatefulSets and Deployments.
    pub pods: Vec<Arc<Pod>>,
}

impl Observed {
    /// A namespace in which nothing exists but the given Secrets: where `render` starts from.
    pub fn empty(secrets: impl IntoIterator<Item = Secret>, fresh: Fresh, now: Timestamp) -> Self {
        let referenced = secrets
            .into_iter()
            .map(|secret| (secret.name_any(), secret))
            .collect();
        Self {
            children: Children::default(),
            referenced,
            fresh,
            now,
        }
    }
}

/// Looks at the resource's children and at the Secrets that it names.
pub async fn observe(ud: &UltraDeployment, client: &Client, caches: &Caches) -> Result<Observed, Error> {
    Ok(Observed {
        children: caches.children_of(ud),
        referenced: referenced_secrets(ud, client).await?,
        fresh: Fresh::generate(),
        now: Timestamp::now(),
    })
}

/// The Secrets of others whose content the plan depends on, by their names.
pub fn secret_references(ud: &UltraDeployment) -> BTreeSet<&str> {
    let spec = &ud.spec;
    let database = spec
        .database
        .as_ref()
        .and_then(|database| database.external.as_ref());
    let ca = database.and_then(|external| external.ca_secret_ref.as_ref());
    let cache = spec.cache.as_ref().and_then(|cache| cache.external.as_ref());
    let cache_ca = cache.and_then(|external| external.ca_secret_ref.as_ref());
    let admin = spec.auth.as_ref().and_then(|auth| auth.admin_secret_ref.as_ref());
    [
        database.map(|external| &external.url_secret_ref.name),
        ca.map(|ca| &ca.name),
        cache.map(|external| &external.url_secret_ref.name),
        cache_ca.map(|ca| &ca.name),
        admin.map(|admin| &admin.name),
    ]
    .into_iter()
    .flatten()
    .map(String::as_str)
    .collect()
}

async fn referenced_secrets(
    ud: &UltraDeployment,
    client: &Client,
) -> Result<BTreeMap<String, Secret>, Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &ud.namespace().unwrap_or_default());
    let mut found = BTreeMap::new();
    for name in secret_references(ud) {
        if let Some(secret) = api.get_opt(name).await? {
            found.insert(name.to_owned(), secret);
        }
    }
    Ok(found)
}

impl Children {
    /// The pods of one component.
    pub fn pods_of(&self, component: names::Component) -> impl Iterator<Item = &Pod> {
        self.pods.iter().map(AsRef::as_ref).filter(move |pod| {
            pod.labels()
                .get("app.kubernetes.io/component")
                .is_some_and(|value| value == component.as_str())
        })
    }
}
