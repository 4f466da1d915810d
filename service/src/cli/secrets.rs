//! `ultra-service secrets`: the providers' keys in the store.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use ultra_service::{
    config::{Config, Profile},
    secrets::{LiveMasterKeys, MasterKeys, ProviderKeys, Status},
    store::{self, Actor},
};

#[derive(Debug, Clone, Copy, clap::Subcommand)]
pub(super) enum Command {
    /// Put everything under the first master key. It can be interrupted and called again.
    Rotate,
    /// Say how much lies under which master key. Fails while a key other than the first is still needed.
    Status,
}

pub(super) async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    let text = config.secrets.master_key.as_ref();
    let text = text.context("there is no master key: set ULTRA_MASTER_KEY or ULTRA_MASTER_KEY_FILE")?;
    let master_keys = LiveMasterKeys::new(MasterKeys::parse(text)?, config.profile == Profile::Production);
    let store = store::open(&config.database).await?;
    let keys = ProviderKeys::new(store.clone(), master_keys);
    let outcome = match command {
        Command::Rotate => rotate(&keys).await,
        Command::Status => status(&keys).await,
    };
    store.close().await;
    outcome
}

async fn rotate(keys: &ProviderKeys) -> anyhow::Result<()> {
    let rotated = keys.rotate(Actor::System("command line".into())).await?;
    writeln!(
        std::io::stdout(),
        "{} put under the first master key",
        rotated.rewrapped
    )?;
    if rotated.unreadable > 0 {
        bail!(
            "{} open with none of the master keys, and stay as they are",
            rotated.unreadable
        );
    }
    Ok(())
}

async fn status(keys: &ProviderKeys) -> anyhow::Result<()> {
    let status = keys.status().await?;
    let done = status.is_done();
    let Status {
        first,
        under,
        unreadable,
    } = status;
    let mut out = std::io::stdout();
    for (id, rows) in under {
        let role = if id == first { "encrypts" } else { "decrypts" };
        writeln!(out, "{id}\t{role}\t{rows}")?;
    }
    if !unreadable.is_empty() {
        bail!("not readable with any master key: {}", unreadable.join(", "));
    }
    if !done {
        bail!("not everything lies under {first}: `ultra-service secrets rotate` puts it there");
    }
    Ok(())
}
