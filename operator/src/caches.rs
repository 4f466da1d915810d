//! The watch caches: what every reconcile reads from, so that at rest nothing is read from the API server.

use crate::{crd::UltraDeployment, names, observe::Children};
use futures::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount},
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, sync::Arc};

/// Says which resource is to be looked at again.
pub type Trigger = BoxStream<'static, Result<ObjectRef<UltraDeployment>, watcher::Error>>;

/// One cache a kind.
#[derive(Clone)]
pub struct Caches {
    ultra_deployments: Store<UltraDeployment>,
    service_accounts: Store<ServiceAccount>,
    secrets: Store<Secret>,
    config_maps: Store<ConfigMap>,
    services: Store<Service>,
    stateful_sets: Store<StatefulSet>,
    deployments: Store<Deployment>,
    pods: Store<Pod>,
}

/// Fills the caches, and yields a trigger for every change that it sees. Nothing is filled unless it is polled.
pub struct Watches {
    /// What is filled.
    pub caches: Caches,
    /// The changes.
    pub triggers: Trigger,
}

/// Where objects are watched.
struct Scope<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
}

impl Watches {
    /// Watches one namespace, or all of them.
    pub fn new(client: &Client, namespace: Option<&str>) -> Self {
        let scope = Scope { client, namespace };
        let (ultra_deployments, own) = scope.reflect(watcher::Config::default());
        let (service_accounts, a) = scope.children();
        let (secrets, b) = scope.children();
        let (config_maps, c) = scope.children();
        let (services, d) = scope.children();
        let (stateful_sets, e) = scope.children();
        let (deployments, f) = scope.children();
        let (pods, pod_changes) = scope.reflect::<Pod>(managed());
        let triggers = futures::stream::select_all([
            own.map_ok(|ud| ObjectRef::from_obj(&ud)).boxed(),
            pod_changes
                .try_filter_map(|pod| std::future::ready(Ok(instance_of(&pod))))
                .boxed(),
            scope.foreign_secrets(ultra_deployments.clone()),
            a,
            b,
            c,
            d,
            e,
            f,
        ])
        .boxed();
        let caches = Caches {
            ultra_deployments,
            service_accounts,
            secrets,
            config_maps,
            services,
            stateful_sets,
            deployments,
            pods,
        };
        Self { caches, triggers }
    }
}

fn managed() -> watcher::Config {
    watcher::Config::default().labels(&names::managed_selector())
}

impl Scope<'_> {
    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    fn reflect<K>(
        &self,
        config: watcher::Config,
    ) -> (
        Store<K>,
        impl Stream<Item = Result<K, watcher::Error>> + Send + use<K>,
    )
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let (reader, writer) = reflector::store();
        let changes = watcher(self.api::<K>(), config)
            // Who wrote which field is half of an object's size and nothing reads it here.
            .modify(|object| object.managed_fields_mut().clear())
            .default_backoff()
            .reflect(writer)
            .touched_objects();
        (reader, changes)
    }

    /// Children are found by label, so that memory does not grow with objects of others.
    fn children<K>(&self) -> (Store<K>, Trigger)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let (reader, changes) = self.reflect::<K>(managed());
        let triggers = changes.try_filter_map(|child| std::future::ready(Ok(owner_of(&child))));
        (reader, triggers.boxed())
    }

    /// Secrets that a spec names belong to others and carry no label: metadata only, nothing is kept.
    fn foreign_secrets(&self, referrers: Store<UltraDeployment>) -> Trigger {
        let api: Api<PartialObjectMeta<Secret>> = match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        watcher(api, watcher::Config::default())
            .default_backoff()
            .touched_objects()
            .map_ok(move |secret| futures::stream::iter(referrers_of(&secret, &referrers)).map(Ok))
            .try_flatten()
            .boxed()
    }
}

fn controller_of<K: Resource>(child: &K) -> Option<&OwnerReference> {
    child
        .owner_references()
        .iter()
        .find(|owner| owner.controller == Some(true))
}

/// What outlives its resource has no owner: the label names whom it concerns.
fn owner_of<K: Resource<DynamicType = ()>>(child: &K) -> Option<ObjectRef<UltraDeployment>> {
    let Some(owner) = controller_of(child) else {
        return instance_of(child);
    };
    let ours =
        owner.kind == UltraDeployment::kind(&()) && owner.api_version == UltraDeployment::api_version(&());
    ours.then(|| ObjectRef::new(&owner.name).within(&child.namespace().unwrap_or_default()))
}

/// A pod's owner is a ReplicaSet or a StatefulSet; the label names the resource.
fn instance_of<K: Resource>(child: &K) -> Option<ObjectRef<UltraDeployment>> {
    let instance = child.labels().get(names::INSTANCE)?;
    Some(ObjectRef::new(instance).within(&child.namespace()?))
}

fn referrers_of(
    secret: &PartialObjectMeta<Secret>,
    referrers: &Store<UltraDeployment>,
) -> Vec<ObjectRef<UltraDeployment>> {
    let name = secret.name_any();
    referrers
        .state_filter(|ud| {
            ud.namespace() == secret.namespace()
                && crate::observe::secret_references(ud).contains(name.as_str())
        })
        .iter()
        .map(|ud| ObjectRef::from_obj(&**ud))
        .collect()
}

impl Caches {
    /// The resources themselves.
    pub fn ultra_deployments(&self) -> &Store<UltraDeployment> {
        &self.ultra_deployments
    }

    /// Returns once every cache holds what its first list gave: before that an object that exists would seem missing.
    pub async fn wait_until_ready(&self) -> Result<(), reflector::store::WriterDropped> {
        let Self {
            ultra_deployments,
            service_accounts,
            secrets,
            config_maps,
            services,
            stateful_sets,
            deployments,
            pods,
        } = self;
        ultra_deployments.wait_until_ready().await?;
        service_accounts.wait_until_ready().await?;
        secrets.wait_until_ready().await?;
        config_maps.wait_until_ready().await?;
        services.wait_until_ready().await?;
        stateful_sets.wait_until_ready().await?;
        deployments.wait_until_ready().await?;
        pods.wait_until_ready().await
    }

    /// What the caches hold of a resource.
    pub fn children_of(&self, ud: &UltraDeployment) -> Children {
        Children {
            service_accounts: owned(&self.service_accounts, ud),
            secrets: self.secrets.state_filter(|secret| is_own_secret(secret, ud)),
            config_maps: owned(&self.config_maps, ud),
            services: owned(&self.services, ud),
            stateful_sets: owned(&self.stateful_sets, ud),
            deployments: owned(&self.deployments, ud),
            pods: self
                .pods
                .state_filter(|pod| instance_of(pod) == Some(ObjectRef::from_obj(ud))),
        }
    }
}

fn owned<K>(store: &Store<K>, ud: &UltraDeployment) -> Vec<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.state_filter(|child| is_owned(child, ud))
}

/// Whether the resource itself, not an earlier one of its name, controls the object.
pub fn is_owned<K: Resource>(child: &K, ud: &UltraDeployment) -> bool {
    controller_of(child).is_some_and(|owner| Some(&owner.uid) == ud.metadata.uid.as_ref())
}

/// Whether a Secret is the resource's: it controls it, or the Secret is one that outlives its resource, which nobody
/// controls and which says by its labels whose it is. That way a new resource finds the keys of an earlier one.
pub fn is_own_secret<K: Resource>(secret: &K, ud: &UltraDeployment) -> bool {
    let (managed_by, us) = names::MANAGED_BY;
    is_owned(secret, ud)
        || (controller_of(secret).is_none()
            && secret.labels().get(managed_by).is_some_and(|value| value == us)
            && instance_of(secret) == Some(ObjectRef::from_obj(ud)))
}
