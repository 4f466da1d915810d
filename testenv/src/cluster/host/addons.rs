//! What a cluster with nodes has besides its control plane: DNS, a StorageClass, and an API server that pods reach.

use std::net::SocketAddr;

use kube::Client;
use serde_json::json;

use super::apply::apply;
use crate::Error;

const COREDNS: &str = include_str!("../manifests/coredns.yaml");
const STORAGE: &str = include_str!("../manifests/storage.yaml");

/// Applies all of it, once for a cluster. Nodes and pods reach the API server at `server`.
pub(super) async fn apply_all(client: &Client, server: SocketAddr, coredns: &str) -> Result<(), Error> {
    apply(client, &api_server_endpoint(server)).await?;
    apply(client, STORAGE).await?;
    apply(client, &COREDNS.replace("@IMAGE@", coredns)).await
}

/// The API server's own Service has no endpoint unless one is made, see `--endpoint-reconciler-type`.
fn api_server_endpoint(server: SocketAddr) -> String {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [server.ip()], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "port": server.port(), "protocol": "TCP"}],
    })
    .to_string()
}
