//! Clients of an API server.

use std::path::Path;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::Error;

/// Reads a kubeconfig.
pub(super) async fn config(kubeconfig: &Path) -> Result<Config, Error> {
    let unreadable = |source| {
        Error::io(
            format!("read the kubeconfig {}", kubeconfig.display()),
            std::io::Error::other(source),
        )
    };
    let file = Kubeconfig::read_from(kubeconfig).map_err(unreadable)?;
    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .map_err(unreadable)
}

/// A client. It belongs to the runtime that it is first used in.
pub(super) fn from_config(config: Config) -> Result<Client, Error> {
    Client::try_from(config).map_err(Error::kubernetes("make a Kubernetes client"))
}

/// A client by kubeconfig.
#[cfg(feature = "cli")]
pub(super) async fn connect(kubeconfig: &Path) -> Result<Client, Error> {
    from_config(config(kubeconfig).await?)
}
