//! `cargo testenv host`: owns a run.

use std::{env, io::Write, os::unix::process::CommandExt, process::ExitCode};

use anyhow::Context;

use crate::{
    cache_dir::CacheDir,
    host::{self, Mode},
    program::this_program,
    provision::Engine,
};

/// The variable by which testcontainers finds the engine.
const ENGINE_VARIABLE: &str = "DOCKER_HOST";

/// Arguments of `host`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What ends the run.
    #[arg(long, value_enum)]
    mode: Mode,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Several libraries of this process use rustls, and none may guess which provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime")?;
    runtime.block_on(async {
        point_testcontainers_to_the_engine().await?;
        let announce = |socket: &std::path::Path| {
            let mut output = std::io::stdout();
            writeln!(output, "{}", socket.display())?;
            output.flush()
        };
        host::serve(arguments.mode, CacheDir::from_env()?, announce).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// testcontainers knows fewer of the places where engines listen than provisioning does, and takes the engine's address
/// from the environment only, which a process can set for its successor but not for itself.
async fn point_testcontainers_to_the_engine() -> anyhow::Result<()> {
    if env::var_os(ENGINE_VARIABLE).is_some() {
        return Ok(());
    }
    // Where there is no engine yet, the one that provisioning starts listens where testcontainers looks first.
    let Ok(engine) = Engine::detect().await else {
        return Ok(());
    };
    let error = this_program()?
        .args(env::args_os().skip(1))
        .env(ENGINE_VARIABLE, engine.endpoint())
        .exec();
    Err(error).context("cannot start the host anew with the engine's address")
}
