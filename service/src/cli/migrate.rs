//! `ultra-service migrate`: the database's schema.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use ultra_service::{
    config::{Config, DatabaseTarget},
    store::{self, Schema},
};

#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Arguments {
    /// Change nothing, and fail where something is missing.
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(Arguments { check }: Arguments, config: Config) -> anyhow::Result<()> {
    // Opening an embedded database makes it.
    if let DatabaseTarget::Sqlite(path) = &config.database.target
        && check
        && !path.exists()
    {
        bail!("there is no database at {} yet", path.display());
    }
    let store = store::open(&config.database).await?;
    let schema = match check {
        true => store.schema().await,
        false => store.migrate().await,
    };
    store.close().await;
    match schema.context("the schema is not known")? {
        Schema::Fits => Ok(writeln!(std::io::stdout(), "the schema is up to date")?),
        Schema::TooOld { has, needs } => {
            let has = has.map_or_else(|| "none".to_owned(), |version| version.to_string());
            bail!(
                "the schema has version {has}, and {needs} is needed: `ultra-service migrate` brings it up to date"
            )
        }
    }
}
