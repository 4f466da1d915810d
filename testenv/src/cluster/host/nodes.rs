//! The nodes of a cluster, and what a cluster with nodes needs besides.

use std::net::SocketAddr;

use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};
use tokio::{sync::Mutex, task::JoinSet};

use super::{
    addons,
    control_plane::ControlPlane,
    forwarder::Forwarder,
    node::{Node, READY_DEADLINE},
};
use crate::{Error, cluster::wait::wait_for, host::Context, provision::Image};

/// The nodes, all with the same images.
pub(super) struct Nodes {
    /// Where nodes and pods reach the API server.
    server: SocketAddr,
    state: Mutex<State>,
    /// What serves them in this process; ends with them.
    _servants: JoinSet<()>,
}

#[derive(Default)]
struct State {
    nodes: Vec<Node>,
    /// What every node has, and every later one gets.
    images: Vec<String>,
}

impl Nodes {
    /// Prepares the cluster for nodes. There is none yet.
    pub(super) async fn start(context: &Context, plane: &ControlPlane) -> Result<Self, Error> {
        let pause = context.image(Image::Pause).await?;
        let coredns = context.image(Image::CoreDns).await?;
        let gateway = context
            .engine()
            .await?
            .bridge_gateway()
            .await
            .map_err(Error::refusal)?;
        let forwarder = Forwarder::bind(gateway, plane.address()).await?;
        let server = forwarder.address();
        let mut servants = JoinSet::new();
        servants.spawn(forwarder.run());
        addons::apply_all(&plane.client, server, &coredns).await?;
        let state = State {
            nodes: Vec::new(),
            images: vec![pause, coredns],
        };
        Ok(Self {
            server,
            state: Mutex::new(state),
            _servants: servants,
        })
    }

    /// Makes sure that there are at least `count` nodes, all ready, and that the cluster's names resolve on them.
    pub(super) async fn grow(&self, context: &Context, plane: &ControlPlane, count: u8) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let present = u8::try_from(state.nodes.len()).unwrap_or(u8::MAX);
        if present >= count {
            return Ok(());
        }
        let images = &state.images;
        let starting =
            (present + 1..=count).map(|number| Node::start(context, plane, self.server, number, images));
        let started = try_join_all(starting).await?;
        state.nodes.extend(started);
        connect(&state.nodes).await?;
        for node in &state.nodes {
            node.ready(&plane.client).await?;
        }
        names_resolve(&plane.client).await
    }

    /// Copies images of the engine onto all nodes.
    pub(super) async fn load(&self, context: &Context, references: &[&str]) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let references: Vec<String> = references.iter().map(ToString::to_string).collect();
        try_join_all(state.nodes.iter().map(|node| node.load(context, &references))).await?;
        let unknown: Vec<String> = references
            .into_iter()
            .filter(|reference| !state.images.contains(reference))
            .collect();
        state.images.extend(unknown);
        Ok(())
    }
}

/// Every pod reaches every other by its own address, whichever nodes they are on.
async fn connect(nodes: &[Node]) -> Result<(), Error> {
    for (from, node) in nodes.iter().enumerate() {
        for (_, other) in nodes.iter().enumerate().filter(|(to, _)| *to != from) {
            node.route_to(other).await?;
        }
    }
    Ok(())
}

async fn names_resolve(client: &Client) -> Result<(), Error> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "kube-system");
    wait_for("the cluster's names resolve", READY_DEADLINE, async || {
        let dns = deployments
            .get("coredns")
            .await
            .map_err(|error| error.to_string())?;
        let status = dns.status.unwrap_or_default();
        match status.available_replicas >= Some(1) {
            true => Ok(()),
            false => Err(format!("CoreDNS: {status:?}")),
        }
    })
    .await
}
