//! The host's side: what runs a cluster, shared by all clients of one run.

mod addons;
mod apply;
mod capabilities;
mod control_plane;
mod controllers;
mod forwarder;
mod images;
mod kubeconfig;
mod machine;
mod node;
mod nodes;
mod operator;
mod pki;
mod port;
mod process;
mod volumes;

use std::path::PathBuf;

use tokio::sync::OnceCell;

use self::{control_plane::ControlPlane, controllers::Controllers, nodes::Nodes};
use crate::{
    Error,
    host::Context,
    protocol::{ClusterLevel, Response},
};

/// The Kubernetes parts of one run. Each is started when it is first asked for; who asks meanwhile waits for it, and
/// one that failed to start is started anew for who asks next.
#[derive(Default)]
pub(crate) struct HostCluster {
    /// Bare, and never given controllers: a test that plays their part would find them in its way.
    api_server: OnceCell<ControlPlane>,
    cluster: OnceCell<ControlPlane>,
    controllers: OnceCell<Controllers>,
    nodes: OnceCell<Nodes>,
    operator: OnceCell<()>,
}

impl HostCluster {
    /// Makes sure that `level` runs and is ready, with `nodes` nodes where it has any, and tells how to reach it.
    pub(crate) async fn at(
        &self,
        context: &Context,
        level: ClusterLevel,
        nodes: u8,
    ) -> Result<Response, Error> {
        let kubeconfig = self.provide(context, level, nodes).await?;
        let kubectl = context
            .kubernetes()
            .await?
            .path("kubectl")
            .map_err(Error::refusal)?
            .to_owned();
        Ok(Response::Cluster { kubeconfig, kubectl })
    }

    async fn provide(&self, context: &Context, level: ClusterLevel, count: u8) -> Result<PathBuf, Error> {
        if level == ClusterLevel::ApiServer {
            let plane = self
                .api_server
                .get_or_try_init(|| ControlPlane::start(context, "api-server"))
                .await?;
            return Ok(plane.kubeconfig().clone());
        }
        let plane = self
            .cluster
            .get_or_try_init(|| ControlPlane::start(context, "cluster"))
            .await?;
        let controllers = self
            .controllers
            .get_or_try_init(|| Controllers::start(context, plane));
        if level == ClusterLevel::Controllers {
            controllers.await?;
            return Ok(plane.kubeconfig().clone());
        }
        let nodes = async {
            let nodes = self
                .nodes
                .get_or_try_init(|| Nodes::start(context, plane))
                .await?;
            nodes.grow(context, plane, count).await?;
            Ok(nodes)
        };
        let (_, nodes) = tokio::try_join!(controllers, nodes)?;
        if level == ClusterLevel::Operator {
            self.operator
                .get_or_try_init(|| operator::install(context, plane, nodes))
                .await?;
        }
        Ok(plane.kubeconfig().clone())
    }

    /// Copies an image of the engine onto the nodes.
    pub(crate) async fn load(&self, context: &Context, image: &str) -> Result<(), Error> {
        let nodes = self.nodes.get();
        let nodes = nodes.ok_or_else(|| {
            Error::Refused(format!(
                "cannot load {image}: this run has no node (`cargo testenv up --cluster` starts one)"
            ))
        })?;
        // Those that can be made here need not be there yet, and those of the source tree shall be up to date.
        if let Some(image) = operator::images()
            .into_iter()
            .find(|provided| provided.reference() == image)
        {
            context.image(image).await?;
        }
        nodes.load(context, &[image]).await
    }

    /// The kubeconfig of the run's cluster, else of its bare API server, if there is any.
    pub(crate) fn kubeconfig(&self) -> Option<PathBuf> {
        let plane = self.cluster.get().or_else(|| self.api_server.get())?;
        Some(plane.kubeconfig().clone())
    }
}

impl std::fmt::Debug for HostCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostCluster")
            .field("kubeconfig", &self.kubeconfig())
            .finish_non_exhaustive()
    }
}
