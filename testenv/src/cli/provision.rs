//! `cargo testenv provision`: makes everything that tests need and the machine lacks.

use std::process::ExitCode;

use anyhow::Context;

use crate::{
    cache_dir::CacheDir,
    provision::{Progress, Provisioner},
};

/// Arguments of `provision`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Makes one part only.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// A part that can be made on its own.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Part {
    /// The container engine.
    Engine,
    /// Kubernetes' programs.
    Kubernetes,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime")?;
    runtime.block_on(async {
        let provisioner = Provisioner::new(CacheDir::from_env()?, Progress::stderr());
        match arguments.only {
            Some(Part::Engine) => drop(provisioner.engine().await?),
            Some(Part::Kubernetes) => drop(provisioner.kubernetes().await?),
            None => provisioner.everything().await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}
