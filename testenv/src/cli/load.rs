//! `cargo testenv load`: puts local images on the cluster's node.

use std::{io::Write, process::ExitCode};

use super::persistent::Persistent;
use crate::{cache_dir::CacheDir, protocol::Request};

/// Arguments of `load`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Images of the container engine.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let connection = Persistent::of(&CacheDir::from_env()?)?.connect()?;
    for image in &arguments.images {
        connection.exchange(&Request::LoadImage { image: image.clone() })?;
        writeln!(std::io::stderr(), "{image} is on the node")?;
    }
    Ok(ExitCode::SUCCESS)
}
