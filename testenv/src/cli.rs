//! `cargo testenv`: one file per subcommand.

mod doctor;
mod host;
mod provision;
mod watchdog;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

/// Real Postgres, Redis and Kubernetes for tests, with nothing left behind.
#[derive(Debug, Parser)]
#[command(name = "cargo testenv", bin_name = "cargo testenv", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says what is here, what is missing, what each missing thing costs and how to get it.
    Doctor(doctor::Arguments),
    /// Makes what is missing: the engine, the images, Kubernetes' programs. Resumes where it was interrupted.
    Provision(provision::Arguments),
    /// Owns a run and serves its clients: started by the other commands and by tests.
    #[command(hide = true)]
    Host(host::Arguments),
    /// Cleans up after a run: started by its host.
    #[command(hide = true)]
    Watchdog(watchdog::Arguments),
}

/// Runs the command that the arguments name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    match Cli::parse_from(without_plugin_name(arguments)).command {
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Provision(arguments) => provision::run(&arguments),
        Command::Host(arguments) => host::run(&arguments),
        Command::Watchdog(arguments) => watchdog::run(&arguments),
    }
}

/// As a plugin, `cargo testenv up` is called by cargo as `cargo-testenv testenv up`.
fn without_plugin_name(arguments: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments
        .into_iter()
        .enumerate()
        .filter(|(position, argument)| *position != 1 || argument != "testenv")
        .map(|(_, argument)| argument)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_declared() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_call_by_cargo_means_the_same_as_one_by_its_alias() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let plugin: Vec<_> = without_plugin_name(words("cargo-testenv testenv up")).collect();
        assert_eq!(plugin, words("cargo-testenv up"));
        let alias: Vec<_> = without_plugin_name(words("cargo-testenv up testenv")).collect();
        assert_eq!(alias, words("cargo-testenv up testenv"));
    }
}
