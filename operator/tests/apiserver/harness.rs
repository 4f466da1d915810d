//! The operator, in this process, with the rights of its own ServiceAccount and no others, in a namespace of its own.

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{Secret, ServiceAccount},
        rbac::v1::{ClusterRole, RoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, CustomResourceExt, Resource, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{fmt::Debug, time::Duration};
use tokio::{sync::oneshot, task::JoinHandle};
use ultra_operator::{
    controller::Controller,
    crd::{ConditionType, UltraDeployment},
    install, rbac,
    settings::{Images, Settings},
};
use ultra_testenv::{Cluster, Namespace, wait_for};

/// Long enough for a machine with other work, and short of forever.
pub(super) const SOON: Duration = Duration::from_secs(30);

pub(super) struct Operator {
    cluster: Cluster,
    // Dropped before the namespace: an operator that still runs would make again what the namespace loses.
    running: Running,
    namespace: Namespace,
}

/// An operator that runs until it is dropped.
pub(super) struct Running {
    task: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Operator {
    pub(super) async fn start(cluster: Cluster) -> Self {
        let namespace = cluster.namespace().await.unwrap();
        Self::start_in(cluster, namespace).await
    }

    pub(super) async fn start_in(cluster: Cluster, namespace: Namespace) -> Self {
        install_crd(&cluster.client()).await;
        grant(&cluster.client(), namespace.name()).await;
        let running = run(&cluster, namespace.name());
        Self {
            cluster,
            running,
            namespace,
        }
    }

    /// Stops the operator as SIGTERM would and starts a fresh one, which knows nothing.
    pub(super) async fn restart(&mut self) {
        let _ = self.running.stop.take().unwrap().send(());
        tokio::time::timeout(SOON, &mut self.running.task)
            .await
            .expect("it stops")
            .unwrap();
        self.running = run(&self.cluster, self.namespace.name());
    }

    /// A second operator, beside the first.
    pub(super) fn another(&self) -> Running {
        run(&self.cluster, self.namespace.name())
    }

    /// With all rights, as the person at the keyboard.
    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.cluster.client(), self.namespace.name())
    }

    pub(super) async fn create(&self, spec: Value) -> UltraDeployment {
        self.api()
            .create(&PostParams::default(), &ultra(spec))
            .await
            .unwrap()
    }

    pub(super) async fn patch_spec(&self, spec: Value) -> UltraDeployment {
        let patch = json!({ "spec": spec });
        self.api()
            .patch("demo", &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap()
    }

    pub(super) async fn get<K: Object>(&self, name: &str) -> K {
        wait_for(&format!("{} {name}", K::kind(&())), SOON, async || {
            match self.api::<K>().get_opt(name).await {
                Ok(Some(object)) => Ok(object),
                Ok(None) => Err("it does not exist".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
        .unwrap()
    }

    /// Waits until the object is as the condition wants it.
    pub(super) async fn until<K: Object>(&self, name: &str, what: &str, holds: impl Fn(&K) -> bool) -> K {
        wait_for(what, SOON, async || match self.api::<K>().get_opt(name).await {
            Ok(Some(object)) if holds(&object) => Ok(object),
            Ok(object) => Err(serde_json::to_string(&object).unwrap_or_default()),
            Err(error) => Err(error.to_string()),
        })
        .await
        .unwrap()
    }

    pub(super) async fn until_gone<K: Object>(&self, name: &str) {
        let what = format!("the end of {} {name}", K::kind(&()));
        wait_for(&what, SOON, async || {
            match self.api::<K>().get_metadata_opt(name).await {
                Ok(None) => Ok(()),
                Ok(Some(_)) => Err("it exists".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
        .unwrap();
    }

    /// Waits for a condition that speaks of the resource's current generation.
    pub(super) async fn condition(&self, kind: ConditionType, status: &str, reason: &str) -> UltraDeployment {
        let what = format!("{} {status} because of {reason}", kind.as_str());
        self.until("demo", &what, |ud: &UltraDeployment| {
            ud.status
                .as_ref()
                .and_then(|seen| seen.condition(kind))
                .is_some_and(|condition| {
                    condition.status == status
                        && condition.reason == reason
                        && condition.observed_generation == ud.metadata.generation
                })
        })
        .await
    }

    /// Says of a Deployment what its controller and kubelets would: all pods are there. No controller runs here.
    pub(super) async fn deployment_is_available(&self, name: &str) {
        let deployment: Deployment = self.get(name).await;
        let replicas = deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1);
        self.report(&deployment, replicas).await;
    }

    /// The same of a StatefulSet.
    pub(super) async fn stateful_set_is_available(&self, name: &str) {
        let set: StatefulSet = self.get(name).await;
        self.report(&set, 1).await;
    }

    async fn report<K: Object>(&self, workload: &K, replicas: i32) {
        let status = json!({ "status": {
            "observedGeneration": workload.meta().generation, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas,
        }});
        let params = PatchParams::default();
        self.api::<K>()
            .patch_status(&workload.name_any(), &params, &Patch::Merge(status))
            .await
            .unwrap();
    }

    /// Makes a Secret that is somebody else's.
    pub(super) async fn create_secret(&self, name: &str, content: Value) -> Secret {
        let secret = from(json!({ "metadata": { "name": name }, "stringData": content }));
        self.api().create(&PostParams::default(), &secret).await.unwrap()
    }

    pub(super) async fn patch_secret(&self, name: &str, patch: Value) {
        self.api::<Secret>()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// Brings a resource with built-in parts to Ready.
    pub(super) async fn become_ready(&self) -> UltraDeployment {
        self.stateful_set_is_available("demo-postgres").await;
        self.deployment_is_available("demo-redis").await;
        self.deployment_is_available("demo").await;
        self.condition(ConditionType::Ready, "True", "Available").await
    }
}

pub(super) trait Object:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize
{
}

impl<K> Object for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
{
}

/// What a condition says.
pub(super) fn message(ud: &UltraDeployment, kind: ConditionType) -> &str {
    &ud.status.as_ref().unwrap().condition(kind).unwrap().message
}

/// The resource `demo`.
pub(super) fn ultra(spec: Value) -> UltraDeployment {
    named("demo", spec)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "`json!` at the call reads better without a borrow"
)]
pub(super) fn named(name: &str, spec: Value) -> UltraDeployment {
    serde_json::from_value(json!({
        "apiVersion": "ultra.dev/v1alpha1", "kind": "UltraDeployment", "metadata": { "name": name }, "spec": spec,
    }))
    .expect("the resource is well formed")
}

fn run(cluster: &Cluster, namespace: &str) -> Running {
    let client = cluster
        .client_as_service_account(namespace, install::NAME)
        .unwrap();
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        watch_namespace: Some(namespace.to_owned()),
        images: Images::default(),
    };
    let (stop, stopped) = oneshot::channel();
    let controller = Controller::new(client, &settings);
    let task = tokio::spawn(controller.run(async move {
        // An error means that the sender is gone, which is a stop as well.
        let _ = stopped.await;
    }));
    Running {
        task,
        stop: Some(stop),
    }
}

pub(super) async fn install_crd(client: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = UltraDeployment::crd();
    let name = crd.name_any();
    api.patch(&name, &PatchParams::apply("tests").force(), &Patch::Apply(crd))
        .await
        .unwrap();
    wait_for("the CRD to be served", SOON, async || {
        Api::<UltraDeployment>::all(client.clone())
            .list(&Default::default())
            .await
            .map(drop)
    })
    .await
    .unwrap();
}

/// The operator's role, within one namespace.
async fn grant(client: &Client, namespace: &str) {
    let role = rbac::cluster_role(install::NAME);
    let params = PatchParams::apply("tests").force();
    Api::<ClusterRole>::all(client.clone())
        .patch(install::NAME, &params, &Patch::Apply(role))
        .await
        .unwrap();
    let account = from(json!({ "metadata": { "name": install::NAME } }));
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let binding = from(json!({
        "metadata": { "name": install::NAME },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": install::NAME },
        "subjects": [{ "kind": "ServiceAccount", "name": install::NAME, "namespace": namespace }],
    }));
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), namespace);
    bindings.create(&PostParams::default(), &binding).await.unwrap();
}

pub(super) fn from<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("the object is well formed")
}
