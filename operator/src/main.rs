//! `ultra-operator`.

use anyhow::anyhow;
use clap::Parser;
use kube::CustomResourceExt;
use std::{io, process::ExitCode};
use tracing_subscriber::EnvFilter;
use ultra_operator::{
    cli::{Cli, Command, print, render, run},
    crd::UltraDeployment,
    install, rbac,
};

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // `ultra-operator crd | head` is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Every error tells its cause itself; the chain would tell it twice.
            #[expect(
                clippy::print_stderr,
                reason = "the edge of the program, where a person reads"
            )]
            {
                eprintln!("ultra-operator: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<()> {
    let out = &mut io::stdout().lock();
    match command {
        Command::Run(settings) => start(settings)?,
        Command::Crd => print::yaml(&[UltraDeployment::crd()], out)?,
        Command::Rbac => print::yaml(&[rbac::cluster_role(install::NAME)], out)?,
        Command::Install => print::yaml(&install::manifest()?, out)?,
        Command::Render(arguments) => print::yaml(&render::render(&arguments)?, out)?,
    }
    Ok(())
}

fn start(settings: ultra_operator::settings::Settings) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(io::stderr)
        .init();
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another TLS provider is installed already"))?;
    tokio::runtime::Runtime::new()?.block_on(run::run(settings))?;
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
