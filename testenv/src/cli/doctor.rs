//! `cargo testenv doctor`: what is here, what is missing, what it costs and how to get it.

use std::{io::Write, process::ExitCode};

use anyhow::Context;

use crate::{cache_dir::CacheDir, doctor};

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Fails where a person has to act before anything can run.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime")?;
    let report = runtime.block_on(doctor::examine(&CacheDir::from_env()?));
    let mut output = std::io::stdout();
    match arguments.json {
        true => writeln!(output, "{}", serde_json::to_string_pretty(&report)?)?,
        false => write!(output, "{report}")?,
    }
    Ok(match report.is_ready() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
