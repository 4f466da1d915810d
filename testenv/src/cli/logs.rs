//! `cargo testenv logs`: what a part of the stack has written.

use std::{io::Write, process::ExitCode};

use super::persistent::Persistent;
use crate::{
    cache_dir::CacheDir,
    protocol::{Request, Response},
    stack::Part,
};

/// Arguments of `logs`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The part of the stack.
    #[arg(value_enum)]
    part: Part,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let connection = Persistent::of(&CacheDir::from_env()?)?.connect()?;
    match connection.exchange(&Request::Logs { part: arguments.part })? {
        Response::Logs { text } => std::io::stdout().write_all(text.as_bytes())?,
        other => anyhow::bail!("the host answered {other:?} for a log"),
    }
    Ok(ExitCode::SUCCESS)
}
