//! A node that runs pods.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use k8s_openapi::api::core::v1;
use kube::{Api, Client};
use tokio::task::JoinSet;

use super::{
    control_plane::ControlPlane, images, kubeconfig::kubeconfig, machine::Machine, pki::Pki, volumes,
};
use crate::{Error, cluster::wait::wait_for, host::Context, provision::Image};

/// Where the node looks for its certificates.
const PKI_FOLDER: &str = "/etc/kubernetes/pki";

/// Ready in about 10 s on an idle machine.
pub(super) const READY_DEADLINE: Duration = Duration::from_secs(180);

/// A running node.
pub(super) struct Node {
    name: String,
    machine: Machine,
    address: Ipv4Addr,
    pod_network: String,
    /// What serves it in this process; ends with it.
    _servants: JoinSet<()>,
}

impl Node {
    /// Starts the node of this number, counted from 1, and puts `images` on it. It is not waited for. The node reaches
    /// the API server at `server`.
    pub(super) async fn start(
        context: &Context,
        plane: &ControlPlane,
        server: SocketAddr,
        number: u8,
        images: &[String],
    ) -> Result<Self, Error> {
        let image = context.image(Image::Node).await?;
        let name = format!("node-{number}");
        let pod_network = format!("10.244.{}.0/24", number - 1);
        let environment = vec![format!("NODE_NAME={name}"), format!("POD_CIDR={pod_network}")];
        let machine = Machine::create(context, &name, image, environment).await?;
        machine
            .write(
                PKI_FOLDER,
                &files(&plane.pki, &format!("https://{server}"), &name)?,
            )
            .await?;
        machine.start().await?;
        let mut servants = JoinSet::new();
        servants.spawn(volumes::serve(
            plane.client.clone(),
            machine.clone(),
            name.clone(),
        ));
        let node = Self {
            address: machine.address().await?,
            name,
            machine,
            pod_network,
            _servants: servants,
        };
        let preparing = async {
            node.containerd_answers().await?;
            node.load(context, images).await
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

    /// Waits until Kubernetes takes the node for ready.
    pub(super) async fn ready(&self, client: &Client) -> Result<(), Error> {
        let nodes: Api<v1::Node> = Api::all(client.clone());
        let what = format!("{} is ready", self.name);
        let ready = wait_for(&what, READY_DEADLINE, async || {
            let node = nodes.get(&self.name).await.map_err(|error| error.to_string())?;
            match is_ready(&node) {
                true => Ok(()),
                false => Err(format!("{:?}", node.status.and_then(|status| status.conditions))),
            }
        });
        self.machine.until(ready).await
    }

    /// Copies images of the engine onto the node.
    pub(super) async fn load(&self, context: &Context, references: &[String]) -> Result<(), Error> {
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        images::import(context, &self.machine, &references).await
    }

    /// Lets this node's pods reach those of `other`.
    pub(super) async fn route_to(&self, other: &Self) -> Result<(), Error> {
        let gateway = other.address.to_string();
        self.machine
            .run(&["ip", "route", "replace", &other.pod_network, "via", &gateway])
            .await
            .map(drop)
    }
}

/// The node's certificates and kubeconfigs.
fn files(pki: &Pki, server: &str, name: &str) -> Result<Vec<(&'static str, String)>, Error> {
    let node = pki.client(&format!("system:node:{name}"), Some("system:nodes"))?;
    let proxy = pki.client("system:kube-proxy", None)?;
    let serving = pki.serving(name, &[name])?;
    Ok(vec![
        ("ca.crt", pki.authority()),
        ("node.conf", kubeconfig(pki, server, &node)),
        ("proxy.conf", kubeconfig(pki, server, &proxy)),
        ("kubelet-serving.crt", serving.certificate),
        ("kubelet-serving.key", serving.key),
    ])
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
