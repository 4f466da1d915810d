//! Kubeconfig files.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::pki::{Identity, Pki, SERVER_NAME};

/// A kubeconfig that reaches the API server at `server` as `identity`. It holds all that it needs, so that it can be
/// copied anywhere.
pub(super) fn kubeconfig(pki: &Pki, server: &str, identity: &Identity) -> String {
    let encode = |pem: &str| BASE64_STANDARD.encode(pem);
    format!(
        "apiVersion: v1
kind: Config
current-context: ultra-testenv
contexts:
- name: ultra-testenv
  context: {{cluster: ultra-testenv, user: ultra-testenv}}
clusters:
- name: ultra-testenv
  cluster:
    server: {server}
    tls-server-name: {SERVER_NAME}
    certificate-authority-data: {authority}
users:
- name: ultra-testenv
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
",
        authority = encode(&pki.authority()),
        certificate = encode(&identity.certificate),
        key = encode(&identity.key),
    )
}
