//! `ultra-service keys`: the ring of keys that sign access tokens.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use ultra_service::auth::KeyRing;

use super::print;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a ring of one fresh Ed25519 key, for `ULTRA_JWT_KEYS_DIR`. Nothing is overwritten.
    Generate {
        /// The folder, which is made where it is missing.
        folder: PathBuf,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let Command::Generate { folder } = command;
    let kid = KeyRing::generate(folder).context("no key is made")?;
    print(&format!("made the key {kid} in {}\n", folder.display()))
}
