//! The layers of tests: the less a layer needs, the earlier it runs.

use std::{collections::BTreeSet, fmt};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::{
    cargo::cargo,
    provision::{Image, Provisioner, Result},
    versions::Versions,
};

/// A layer. Its tests are in the targets that have its name, one per crate at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Layer {
    /// What needs nothing.
    Pure,
    /// What needs Postgres, Redis or the service's image.
    Containers,
    /// What needs a Kubernetes API server.
    #[value(name = "apiserver")]
    ApiServer,
    /// What needs a node that runs pods.
    Cluster,
    /// What takes too long for every change.
    Exhaustive,
}

impl Layer {
    /// Fastest first.
    pub(super) const ALL: [Self; 5] = [
        Self::Pure,
        Self::Containers,
        Self::ApiServer,
        Self::Cluster,
        Self::Exhaustive,
    ];

    /// The test targets' name.
    pub(super) fn target(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Containers => "containers",
            Self::ApiServer => "apiserver",
            Self::Cluster => "cluster",
            Self::Exhaustive => "exhaustive",
        }
    }

    /// For a person who waits.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Pure => "what needs nothing",
            Self::Containers => "on real Postgres and Redis, and the service as its image",
            Self::ApiServer => "on a real Kubernetes API server",
            Self::Cluster => "on a real Kubernetes node",
            Self::Exhaustive => "what takes long",
        }
    }

    /// Makes what it needs, so that a person sees it being made, and no test's deadline runs meanwhile.
    pub(super) async fn provision(self, provisioner: &Provisioner) -> Result<()> {
        match self {
            Self::Pure => Ok(()),
            Self::Containers => {
                let versions = Versions::supported();
                let engine = provisioner.engine().await?;
                for image in [
                    Image::Redis(versions.redis.default.clone()),
                    Image::Postgres(versions.postgres.default.clone()),
                    Image::Service,
                ] {
                    provisioner.image(&engine, image).await?;
                }
                provisioner.clients().await
            }
            Self::ApiServer => provisioner.kubernetes().await.map(drop),
            Self::Cluster | Self::Exhaustive => provisioner.everything().await,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.target())
    }
}

/// The names of all test targets of the workspace.
pub(super) fn targets() -> anyhow::Result<BTreeSet<String>> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo's metadata")?;
    let targets = metadata.packages.into_iter().flat_map(|package| package.targets);
    Ok(targets
        .filter(|target| target.kind.iter().any(|kind| kind == "test"))
        .map(|target| target.name)
        .collect())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}
