//! A node that runs pods, and what a cluster with one needs besides.

use std::time::Duration;

use k8s_openapi::api::{apps::v1::Deployment, core::v1};
use kube::{Api, Client};
use tokio::task::JoinSet;

use super::{
    addons, control_plane::ControlPlane, forwarder::Forwarder, images, kubeconfig::kubeconfig,
    machine::Machine, pki::Pki, volumes,
};
use crate::{Error, cluster::wait::wait_for, host::Context, provision::Image};

/// The node's name, in the cluster and within the run.
const NAME: &str = "node-1";

/// The addresses of its pods.
const POD_NETWORK: &str = "10.244.0.0/24";

/// Where the node looks for its certificates.
const PKI_FOLDER: &str = "/etc/kubernetes/pki";

/// Ready in about 10 s on an idle machine.
const READY_DEADLINE: Duration = Duration::from_secs(180);

/// A running node.
pub(super) struct Node {
    machine: Machine,
    /// What serves it in this process; ends with it.
    _servants: JoinSet<()>,
}

impl Node {
    /// Starts a node of `plane`, and waits until it is ready and the cluster's names resolve on it.
    pub(super) async fn start(context: &Context, plane: &ControlPlane) -> Result<Self, Error> {
        let image = context.image(Image::Node).await?;
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

        let environment = vec![format!("NODE_NAME={NAME}"), format!("POD_CIDR={POD_NETWORK}")];
        let machine = Machine::create(context, NAME, image, environment).await?;
        machine
            .write(PKI_FOLDER, &files(&plane.pki, &format!("https://{server}"))?)
            .await?;
        machine.start().await?;
        servants.spawn(volumes::serve(plane.client.clone(), machine.clone(), NAME));
        let node = Self {
            machine,
            _servants: servants,
        };
        let preparing = async {
            addons::apply_all(&plane.client, server, &coredns).await?;
            node.containerd_answers().await?;
            images::import(context, &node.machine, &[&pause, &coredns]).await?;
            ready(&plane.client).await
        };
        node.machine.until(preparing).await?;
        Ok(node)
    }

    async fn containerd_answers(&self) -> Result<(), Error> {
        wait_for("containerd answers on the node", READY_DEADLINE, async || {
            self.machine.run(&["ctr", "version"]).await.map(drop)
        })
        .await
    }

    /// Copies images of the engine onto the node.
    pub(super) async fn load(&self, context: &Context, references: &[&str]) -> Result<(), Error> {
        images::import(context, &self.machine, references).await
    }
}

/// The node's certificates and kubeconfigs.
fn files(pki: &Pki, server: &str) -> Result<Vec<(&'static str, String)>, Error> {
    let node = pki.client(&format!("system:node:{NAME}"), Some("system:nodes"))?;
    let proxy = pki.client("system:kube-proxy", None)?;
    let serving = pki.serving(NAME, &[NAME])?;
    Ok(vec![
        ("ca.crt", pki.authority()),
        ("node.conf", kubeconfig(pki, server, &node)),
        ("proxy.conf", kubeconfig(pki, server, &proxy)),
        ("kubelet-serving.crt", serving.certificate),
        ("kubelet-serving.key", serving.key),
    ])
}

async fn ready(client: &Client) -> Result<(), Error> {
    let nodes: Api<v1::Node> = Api::all(client.clone());
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "kube-system");
    wait_for(
        "the node is ready and resolves names",
        READY_DEADLINE,
        async || {
            let node = nodes.get(NAME).await.map_err(|error| error.to_string())?;
            if !is_ready(&node) {
                return Err(format!(
                    "node: {:?}",
                    node.status.and_then(|status| status.conditions)
                ));
            }
            let dns = deployments
                .get("coredns")
                .await
                .map_err(|error| error.to_string())?;
            let status = dns.status.unwrap_or_default();
            if status.available_replicas >= Some(1) {
                Ok(())
            } else {
                Err(format!("CoreDNS: {status:?}"))
            }
        },
    )
    .await
}

fn is_ready(node: &v1::Node) -> bool {
    let conditions = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
