//! `cargo testenv watchdog`: cleans up after a run.

use std::{path::PathBuf, process::ExitCode};

use crate::{run::RunDir, watchdog};

/// Arguments of `watchdog`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run's folder.
    #[arg(long)]
    run: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    watchdog::watch(&RunDir::open(&arguments.run)?)?;
    Ok(ExitCode::SUCCESS)
}
