//! A real Kubernetes, as much of it as a test needs: the API server alone, with the controllers, with a node that runs
//! pods, or with the operator installed on it.
//!
//! One API server without controllers and one cluster serve all tests of a run, and each test works in a
//! [`Namespace`] of its own. A bare API server acts on nothing: owners do not cascade, Deployments make no pods, and a
//! namespace that is deleted stays as it is, closed, until the run ends. That is what tests of single requests want.

mod client;
mod diagnostics;
#[cfg(feature = "cli")]
pub(crate) mod host;
mod namespace;
mod wait;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use kube::{Client, Config};

pub use namespace::{Namespace, PodSecurity};
pub use wait::wait_for;

use crate::{
    Error,
    client::Connection,
    protocol::{ClusterLevel, Request, Response},
};

/// Names the kubeconfig of a cluster (of any kind) to be used where a test needs a node. To install the operator on it
/// is up to who provides it.
pub const KUBECONFIG_VARIABLE: &str = "ULTRA_TEST_KUBECONFIG";

/// A cluster, shared with all tests of the run.
#[derive(Clone)]
pub struct Cluster {
    config: Config,
    client: Client,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    /// Absent for a cluster that somebody else provides.
    connection: Option<Connection>,
}

impl Cluster {
    /// etcd and the API server, without any controller.
    pub async fn api_server() -> Result<Self, Error> {
        Self::at_level(ClusterLevel::ApiServer, 0).await
    }

    /// With kube-controller-manager and kube-scheduler. A cluster of its own, not the one of [`Self::api_server`].
    pub async fn with_controllers() -> Result<Self, Error> {
        Self::at_level(ClusterLevel::Controllers, 0).await
    }

    /// With a node that runs pods, cluster DNS and a default StorageClass.
    pub async fn with_node() -> Result<Self, Error> {
        Self::with_nodes(1).await
    }

    /// With at least this many nodes. They are shared with all tests of the run: one that asks for more adds them.
    pub async fn with_nodes(nodes: u8) -> Result<Self, Error> {
        Self::at_level(ClusterLevel::Node, nodes).await
    }

    /// With the operator installed and available.
    pub async fn with_operator() -> Result<Self, Error> {
        Self::at_level(ClusterLevel::Operator, 1).await
    }

    async fn at_level(level: ClusterLevel, nodes: u8) -> Result<Self, Error> {
        let provided = std::env::var_os(KUBECONFIG_VARIABLE).filter(|_| level >= ClusterLevel::Node);
        if let Some(kubeconfig) = provided {
            return Self::open(PathBuf::from(kubeconfig), PathBuf::from("kubectl"), None).await;
        }
        let connection = Connection::open().await?;
        match connection.call(Request::Cluster { level, nodes }).await? {
            Response::Cluster { kubeconfig, kubectl } => {
                Self::open(kubeconfig, kubectl, Some(connection)).await
            }
            other => Err(Error::unexpected("a cluster", &other)),
        }
    }

    async fn open(
        kubeconfig: PathBuf,
        kubectl: PathBuf,
        connection: Option<Connection>,
    ) -> Result<Self, Error> {
        let config = client::config(&kubeconfig).await?;
        let client = client::from_config(config.clone())?;
        Ok(Self {
            config,
            client,
            kubeconfig,
            kubectl,
            connection,
        })
    }

    /// A client with all rights.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The kubeconfig of that client, for `kubectl`.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// `kubectl` of the cluster's version, with all rights.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// A client that acts as `user`, a member of `groups`, with the rights that they have.
    pub fn client_as(&self, user: &str, groups: &[&str]) -> Result<Client, Error> {
        let mut config = self.config.clone();
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups = Some(groups.iter().map(ToString::to_string).collect());
        client::from_config(config)
    }

    /// A client that acts as a ServiceAccount, as a pod that has it would.
    pub fn client_as_service_account(&self, namespace: &str, name: &str) -> Result<Client, Error> {
        self.client_as(
            &format!("system:serviceaccount:{namespace}:{name}"),
            &[
                "system:serviceaccounts",
                &format!("system:serviceaccounts:{namespace}"),
                "system:authenticated",
            ],
        )
    }

    /// A namespace of its own for a test.
    pub async fn namespace(&self) -> Result<Namespace, Error> {
        Namespace::create(&self.config, &self.client, PodSecurity::Privileged).await
    }

    /// A namespace of its own that only takes pods of the given Pod Security level.
    pub async fn namespace_with(&self, security: PodSecurity) -> Result<Namespace, Error> {
        Namespace::create(&self.config, &self.client, security).await
    }

    /// Puts an image of the container engine on the nodes. There it is found as `docker.io/library/…`, which is how
    /// Kubernetes completes a short name.
    pub async fn load_image(&self, image: &str) -> Result<(), Error> {
        let Some(connection) = &self.connection else {
            return Err(Error::Refused(format!(
                "cannot load {image}: the cluster of {KUBECONFIG_VARIABLE} takes its images from a registry"
            )));
        };
        match connection
            .call(Request::LoadImage {
                image: image.to_owned(),
            })
            .await?
        {
            Response::Done => Ok(()),
            other => Err(Error::unexpected("to load an image", &other)),
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("kubeconfig", &self.kubeconfig)
            .finish_non_exhaustive()
    }
}
