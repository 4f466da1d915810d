//! What every part of a run is made with: the run's marks, the engine, and the provisioned artefacts.

use std::net::IpAddr;

use bollard::{models::NetworkCreateRequest, query_parameters::InspectNetworkOptions};
use tokio::sync::OnceCell;

use crate::{
    Error,
    provision::{Engine, Image, KubernetesBinaries, Provisioner},
    run::RunDir,
};

/// Shared by all parts of one run. What takes time to find or make is found or made once, when it is first needed.
#[derive(Debug)]
pub(crate) struct Context {
    run: RunDir,
    provisioner: Provisioner,
    engine: OnceCell<Engine>,
    kubernetes: OnceCell<KubernetesBinaries>,
    network: OnceCell<String>,
}

impl Context {
    pub(super) fn new(run: RunDir, provisioner: Provisioner) -> Self {
        Self {
            run,
            provisioner,
            engine: OnceCell::new(),
            kubernetes: OnceCell::new(),
            network: OnceCell::new(),
        }
    }

    /// The run's folder and marks.
    pub(crate) fn run(&self) -> &RunDir {
        &self.run
    }

    /// The container engine.
    pub(crate) async fn engine(&self) -> Result<&Engine, Error> {
        self.engine
            .get_or_try_init(|| async {
                let engine = self.provisioner.engine().await.map_err(Error::refusal)?;
                self.run.record_engine(engine.endpoint())?;
                Ok(engine)
            })
            .await
    }

    /// The reference of an image that the engine has.
    pub(crate) async fn image(&self, image: Image) -> Result<String, Error> {
        let engine = self.engine().await?;
        self.provisioner
            .image(engine, image)
            .await
            .map_err(Error::refusal)
    }

    /// The Kubernetes binaries.
    pub(crate) async fn kubernetes(&self) -> Result<&KubernetesBinaries, Error> {
        self.kubernetes
            .get_or_try_init(|| async { self.provisioner.kubernetes().await.map_err(Error::refusal) })
            .await
    }

    /// This machine's address in the network of the run's containers, where it has one.
    pub(crate) async fn gateway(&self) -> Result<Option<IpAddr>, Error> {
        let name = self.network().await?;
        let docker = self.engine().await?.docker();
        let network = docker
            .inspect_network(name, None::<InspectNetworkOptions>)
            .await
            .map_err(Error::refusal)?;
        let pools = network.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        Ok(pools.into_iter().find_map(|pool| pool.gateway?.parse().ok()))
    }

    /// The network of the run's containers, on which they find each other by name.
    pub(crate) async fn network(&self) -> Result<&str, Error> {
        let name = self
            .network
            .get_or_try_init(|| async {
                let name = self.run.name("network");
                let request = NetworkCreateRequest {
                    name: name.clone(),
                    labels: Some(self.run.labels()),
                    ..Default::default()
                };
                let docker = self.engine().await?.docker();
                docker.create_network(request).await.map_err(Error::refusal)?;
                Ok::<_, Error>(name)
            })
            .await?;
        Ok(name)
    }
}
