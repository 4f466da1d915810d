//! etcd and kube-apiserver.

use std::{path::PathBuf, time::Duration};

use kube::Client;

use super::{kubeconfig::kubeconfig, pki::Pki, port::ReservedPort, process::Process};
use crate::{
    Error,
    cluster::{client, wait::wait_for},
    host::Context,
};

/// The addresses of Services.
pub(super) const SERVICE_NETWORK: &str = "10.96.0.0/16";

/// Ready in about 4 s on an idle machine; builds that run beside it can make it many times that.
const READY_DEADLINE: Duration = Duration::from_secs(90);

/// etcd's Unix sockets, relative to the folder that both programs run in: no port, and no limit on the folder's path.
/// etcd insists on something that looks like a host and a port.
const ETCD_CLIENTS: &str = "unix://clients:0";
const ETCD_PEERS: &str = "unix://peers:0";

/// A running API server.
pub(super) struct ControlPlane {
    pub(super) pki: Pki,
    pub(super) client: Client,
    folder: PathBuf,
    kubeconfig: PathBuf,
    port: ReservedPort,
    _api_server: Process,
    _etcd: Process,
}

impl ControlPlane {
    /// Starts a control plane in the run's folder `name`, and waits until it is ready.
    pub(super) async fn start(context: &Context, name: &str) -> Result<Self, Error> {
        let folder = context.run().folder(name)?;
        let port = ReservedPort::on_loopback()?;
        let etcd = Process::start(context, "etcd", &folder, &etcd_arguments()).await?;
        let pki = Pki::create(context.run().folder(&format!("{name}/pki"))?)?;
        let arguments = api_server_arguments(&pki, port.address().port());
        let api_server = Process::start(context, "kube-apiserver", &folder, &arguments).await?;
        let admin = pki.client("ultra-testenv-admin", Some("system:masters"))?;
        pki.write("admin.conf", &kubeconfig(&pki, &url(&port), &admin))?;
        let kubeconfig = pki.file("admin.conf");
        let client = client::connect(&kubeconfig).await?;
        // Without etcd the API server waits instead of ending, so etcd's end is watched, too.
        let ready = api_server.until(ready(&client));
        etcd.until(ready).await?;
        Ok(Self {
            pki,
            client,
            folder,
            kubeconfig,
            port,
            _api_server: api_server,
            _etcd: etcd,
        })
    }

    /// Writes a kubeconfig named `<user>.conf` for a program beside the API server.
    pub(super) fn kubeconfig_for(&self, user: &str) -> Result<PathBuf, Error> {
        let identity = self.pki.client(user, None)?;
        let name = format!("{}.conf", user.trim_start_matches("system:"));
        self.pki
            .write(&name, &kubeconfig(&self.pki, &url(&self.port), &identity))?;
        Ok(self.pki.file(&name))
    }

    /// The administrator's kubeconfig.
    pub(super) fn kubeconfig(&self) -> &PathBuf {
        &self.kubeconfig
    }

    /// Where the API server listens.
    pub(super) fn address(&self) -> std::net::SocketAddr {
        self.port.address()
    }

    /// The folder in which its programs run.
    pub(super) fn folder(&self) -> &PathBuf {
        &self.folder
    }
}

fn url(port: &ReservedPort) -> String {
    format!("https://{}", port.address())
}

async fn ready(client: &Client) -> Result<(), Error> {
    wait_for("the API server is ready", READY_DEADLINE, async || {
        let request = http::Request::get("/readyz")
            .body(Vec::new())
            .map_err(|error| error.to_string())?;
        client
            .request_text(request)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    })
    .await
}

fn etcd_arguments() -> Vec<String> {
    [
        "--name=testenv",
        "--data-dir=etcd",
        // The data does not outlive the run, so it need not survive a power cut.
        "--unsafe-no-fsync",
        &format!("--listen-client-urls={ETCD_CLIENTS}"),
        &format!("--advertise-client-urls={ETCD_CLIENTS}"),
        &format!("--listen-peer-urls={ETCD_PEERS}"),
        &format!("--initial-advertise-peer-urls={ETCD_PEERS}"),
        &format!("--initial-cluster=testenv={ETCD_PEERS}"),
        "--log-level=warn",
    ]
    .map(String::from)
    .to_vec()
}

fn api_server_arguments(pki: &Pki, port: u16) -> Vec<String> {
    let file = |name: &str| pki.file(name).display().to_string();
    [
        format!("--etcd-servers={ETCD_CLIENTS}"),
        String::from("--bind-address=127.0.0.1"),
        format!("--secure-port={port}"),
        String::from("--permit-port-sharing"),
        // A loopback address cannot be an endpoint: who adds a node publishes one that the node can reach.
        String::from("--advertise-address=127.0.0.1"),
        String::from("--endpoint-reconciler-type=none"),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--tls-cert-file={}", file("apiserver.crt")),
        format!("--tls-private-key-file={}", file("apiserver.key")),
        format!(
            "--kubelet-client-certificate={}",
            file("apiserver-kubelet-client.crt")
        ),
        format!("--kubelet-client-key={}", file("apiserver-kubelet-client.key")),
        String::from("--kubelet-preferred-address-types=InternalIP"),
        String::from("--service-account-issuer=https://kubernetes.default.svc"),
        format!("--service-account-key-file={}", file("sa.pub")),
        format!("--service-account-signing-key-file={}", file("sa.key")),
        format!("--service-cluster-ip-range={SERVICE_NETWORK}"),
        String::from("--authorization-mode=Node,RBAC"),
        String::from("--enable-admission-plugins=NodeRestriction"),
        String::from("--allow-privileged"),
        String::from("--profiling=false"),
    ]
    .to_vec()
}
