//! Fourth step: the cluster becomes what was planned, in order, writing only what differs. Secrets are created once and
//! never overwritten; everything else is applied server-side under one field manager.

use crate::{
    caches::{is_own_secret, is_owned},
    crd::UltraDeployment,
    drift::{Drift, drift},
    error::Error,
    names::{self, Component},
    observe::{Children, Observed},
    plan::{Applied, Objects, Planned},
    rollout,
};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::Secret,
    },
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

/// Owns the fields that the operator sets. There is one, so that a field which a plan drops is dropped in the cluster.
pub const FIELD_MANAGER: &str = "ultra-operator";

/// Everything that a child's type must be.
pub trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize
{
}

impl<K> Child for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
{
}

/// What was done to a child, for the events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// It did not exist.
    Created(String),
    /// Someone had changed it by hand.
    Restored(String),
    /// The plan does not name it any more.
    Pruned(String),
}

/// Applies a plan on behalf of one resource.
pub struct Applier<'a> {
    client: &'a Client,
    ud: &'a UltraDeployment,
    observed: &'a Observed,
    changes: Vec<Change>,
}

impl<'a> Applier<'a> {
    /// An applier that has changed nothing yet.
    pub fn new(client: &'a Client, ud: &'a UltraDeployment, observed: &'a Observed) -> Self {
        Self {
            client,
            ud,
            observed,
            changes: Vec::new(),
        }
    }

    /// What was changed.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Makes the cluster what was planned: Secrets and configuration, then database and cache, then the service.
    pub async fn apply(&mut self, planned: Objects<Planned>) -> Result<Objects<Applied>, Error> {
        let keep = Names::of(&planned);
        let live = &self.observed.children;
        let Objects {
            service_account,
            secrets,
            config_map,
            services,
            postgres,
            redis,
            service,
        } = planned;

        let service_account = self.child(service_account, &live.service_accounts).await?;
        let mut applied_secrets = Vec::new();
        for secret in secrets {
            applied_secrets.push(Some(self.secret(secret, &live.secrets).await?));
        }
        let config_map = self.child(config_map, &live.config_maps).await?;
        let mut applied_services = Vec::new();
        for service in services {
            applied_services.push(Some(self.child(service, &live.services).await?));
        }
        let postgres = self.optional(postgres, &live.stateful_sets).await?;
        let redis = self.optional(redis, &live.deployments).await?;
        let service = if self.must_wait(&service, postgres.as_ref(), redis.as_ref()) {
            find(&live.deployments, &service.name_any()).cloned()
        } else {
            Some(self.child(service, &live.deployments).await?)
        };

        // What an older plan made is still in use until the last pod of that plan is gone.
        if service.as_ref().is_some_and(|service| self.is_complete(service)) {
            self.prune(&keep).await?;
        }
        Ok(Objects {
            service_account: Some(service_account),
            secrets: applied_secrets,
            config_map: Some(config_map),
            services: applied_services,
            postgres: postgres.map(Some),
            redis: redis.map(Some),
            service,
        })
    }

    /// No rollout of the service starts while its database is away; its first one waits for the cache too, so that no
    /// pod crashes for want of what is about to come.
    fn must_wait(
        &self,
        service: &Deployment,
        postgres: Option<&StatefulSet>,
        redis: Option<&Deployment>,
    ) -> bool {
        let pods = &self.observed.children;
        let database_is_ready = postgres.is_none_or(|postgres| {
            rollout::stateful_set(postgres, pods.pods_of(Component::Database)).is_complete()
        });
        let cache_is_ready = redis
            .is_none_or(|redis| rollout::deployment(redis, pods.pods_of(Component::Cache)).is_complete());
        let is_first = find(&pods.deployments, &service.name_any()).is_none();
        !database_is_ready || (is_first && !cache_is_ready)
    }

    fn is_complete(&self, service: &Deployment) -> bool {
        rollout::deployment(service, self.observed.children.pods_of(Component::Service)).is_complete()
    }

    async fn optional<K: Child>(&mut self, planned: Option<K>, live: &[Arc<K>]) -> Result<Option<K>, Error> {
        match planned {
            Some(planned) => self.child(planned, live).await.map(Some),
            None => Ok(None),
        }
    }

    async fn child<K: Child>(&mut self, planned: K, live: &[Arc<K>]) -> Result<K, Error> {
        let change = match find(live, &planned.name_any()) {
            Some(live) => match drift(&planned, live) {
                Drift::None => return Ok(live.clone()),
                Drift::NewPlan => None,
                Drift::ByHand => Some(Change::Restored(title(&planned))),
            },
            None => {
                self.refuse_foreign(&planned).await?;
                Some(Change::Created(title(&planned)))
            }
        };
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let applied = self
            .api::<K>()
            .patch(&planned.name_any(), &params, &Patch::Apply(&planned))
            .await
            .map_err(|source| Error::Child {
                action: format!("applying {}", title(&planned)),
                source,
            })?;
        self.changes.extend(change);
        Ok(applied)
    }

    async fn refuse_foreign<K: Child>(&self, planned: &K) -> Result<(), Error> {
        match self.api::<K>().get_metadata_opt(&planned.name_any()).await? {
            Some(found) => self.refuse_unless_owned::<K, _>(&found),
            None => Ok(()),
        }
    }

    fn refuse_unless_owned<K: Child, M: Resource>(&self, found: &M) -> Result<(), Error> {
        if is_owned(found, self.ud) {
            return Ok(());
        }
        let owner = found
            .owner_references()
            .iter()
            .find(|owner| owner.controller == Some(true));
        Err(Error::OwnershipConflict {
            kind: K::kind(&()).into_owned(),
            name: found.name_any(),
            owner: owner.map_or("someone else".to_owned(), |owner| {
                format!("{} {}", owner.kind, owner.name)
            }),
        })
    }

    /// Created by POST, so that neither a second operator nor a stale cache can overwrite a password that is in use.
    async fn secret(&mut self, planned: Secret, live: &[Arc<Secret>]) -> Result<Secret, Error> {
        if let Some(live) = find(live, &planned.name_any()) {
            return self.hand_over(planned, live).await;
        }
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..Default::default()
        };
        match self.api::<Secret>().create(&params, &planned).await {
            Ok(created) => {
                self.changes.push(Change::Created(title(&planned)));
                Ok(created)
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => self.meet(&planned).await,
            Err(source) => Err(Error::Child {
                action: format!("creating {}", title(&planned)),
                source,
            }),
        }
    }

    /// Whether a Secret goes with the resource or outlives it may change; nothing else of it does.
    async fn hand_over(&self, planned: Secret, live: &Secret) -> Result<Secret, Error> {
        if is_owned(&planned, self.ud) == is_owned(live, self.ud) {
            return Ok(live.clone());
        }
        let owners = json!({ "metadata": {
            "ownerReferences": planned.owner_references(), "resourceVersion": live.resource_version(),
        }});
        let changed = self
            .api::<Secret>()
            .patch(
                &planned.name_any(),
                &PatchParams::default(),
                &Patch::Merge(owners),
            )
            .await;
        match changed {
            Ok(secret) => Ok(secret),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {
                Err(Error::Stale)
            }
            Err(source) => Err(Error::Child {
                action: format!("handing over {}", title(&planned)),
                source,
            }),
        }
    }

    /// A Secret that exists without being in the cache: another's, or ours with its labels taken off, or the cache
    /// has not heard of it yet.
    async fn meet(&self, planned: &Secret) -> Result<Secret, Error> {
        let api = self.api::<Secret>();
        let Some(found) = api.get_metadata_opt(&planned.name_any()).await? else {
            return Err(Error::Stale);
        };
        if !is_own_secret(&found, self.ud) {
            self.refuse_foreign_secret(&found)?;
        }
        let labels = json!({ "metadata": { "labels": planned.labels() } });
        api.patch_metadata(
            &planned.name_any(),
            &PatchParams::default(),
            &Patch::Merge(labels),
        )
        .await?;
        Err(Error::Stale)
    }

    fn refuse_foreign_secret<M: Resource>(&self, found: &M) -> Result<(), Error> {
        if !found.owner_references().is_empty() {
            return self.refuse_unless_owned::<Secret, _>(found);
        }
        let (managed_by, us) = names::MANAGED_BY;
        Err(Error::SecretUnclaimed {
            name: found.name_any(),
            labels: format!("{managed_by}={us} {}={}", names::INSTANCE, self.ud.name_any()),
        })
    }

    async fn prune(&mut self, keep: &Names) -> Result<(), Error> {
        let Children {
            service_accounts,
            secrets,
            config_maps,
            services,
            stateful_sets,
            deployments,
            pods: _,
        } = &self.observed.children;
        self.prune_kind(deployments, keep).await?;
        self.prune_kind(stateful_sets, keep).await?;
        self.prune_kind(services, keep).await?;
        self.prune_kind(config_maps, keep).await?;
        self.prune_kind(secrets, keep).await?;
        self.prune_kind(service_accounts, keep).await
    }

    async fn prune_kind<K: Child>(&mut self, live: &[Arc<K>], keep: &Names) -> Result<(), Error> {
        // What outlives the resource outlives a spec without it, too.
        let ours = live.iter().filter(|child| is_owned(&***child, self.ud));
        for orphan in ours.filter(|child| !keep.contains(&***child)) {
            let preconditions = Preconditions {
                uid: orphan.uid(),
                resource_version: None,
            };
            let params = DeleteParams::background().preconditions(preconditions);
            match self.api::<K>().delete(&orphan.name_any(), &params).await {
                Ok(_) => self.changes.push(Change::Pruned(title(&**orphan))),
                // Someone was faster; that is as good.
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
                Err(source) => {
                    return Err(Error::Child {
                        action: format!("deleting {}", title(&**orphan)),
                        source,
                    });
                }
            }
        }
        Ok(())
    }

    fn api<K: Child>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.ud.namespace().unwrap_or_default())
    }
}

/// What a paused resource has: the plan's objects as they are, nothing written.
pub fn leave_alone(planned: Objects<Planned>, live: &Children) -> Objects<Applied> {
    let Objects {
        service_account,
        secrets,
        config_map,
        services,
        postgres,
        redis,
        service,
    } = planned;
    Objects {
        service_account: find(&live.service_accounts, &service_account.name_any()).cloned(),
        secrets: secrets
            .iter()
            .map(|secret| find(&live.secrets, &secret.name_any()).cloned())
            .collect(),
        config_map: find(&live.config_maps, &config_map.name_any()).cloned(),
        services: services
            .iter()
            .map(|service| find(&live.services, &service.name_any()).cloned())
            .collect(),
        postgres: postgres.map(|postgres| find(&live.stateful_sets, &postgres.name_any()).cloned()),
        redis: redis.map(|redis| find(&live.deployments, &redis.name_any()).cloned()),
        service: find(&live.deployments, &service.name_any()).cloned(),
    }
}

fn find<'a, K: Resource>(live: &'a [Arc<K>], name: &str) -> Option<&'a K> {
    live.iter()
        .find(|child| child.meta().name.as_deref() == Some(name))
        .map(AsRef::as_ref)
}

/// `Deployment demo`, for people.
fn title<K: Resource<DynamicType = ()>>(object: &K) -> String {
    format!("{} {}", K::kind(&()), object.name_any())
}

/// The kinds and names that a plan has.
struct Names(BTreeSet<(String, String)>);

impl Names {
    fn of(planned: &Objects<Planned>) -> Self {
        let Objects {
            service_account,
            secrets,
            config_map,
            services,
            postgres,
            redis,
            service,
        } = planned;
        let mut names = BTreeSet::from([key(service_account), key(config_map), key(service)]);
        names.extend(secrets.iter().map(key));
        names.extend(services.iter().map(key));
        names.extend(postgres.iter().map(key));
        names.extend(redis.iter().map(key));
        Self(names)
    }

    fn contains<K: Resource<DynamicType = ()>>(&self, object: &K) -> bool {
        self.0.contains(&key(object))
    }
}

fn key<K: Resource<DynamicType = ()>>(object: &K) -> (String, String) {
    (K::kind(&()).into_owned(), object.name_any())
}
