//! `cargo testenv`: one file per subcommand.

mod chaos;
mod ci;
mod doctor;
mod down;
mod host;
mod load;
mod logs;
mod own_host;
mod persistent;
mod provision;
mod status;
mod test;
mod up;
mod watchdog;

use std::{
    ffi::OsString,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

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
    /// Provisions what is missing and runs the tests, layer by layer, fastest first.
    Test(test::Arguments),
    /// Runs what must pass before a change is merged: format, clippy, tests.
    Ci,
    /// Starts Postgres, Redis and the service to work against, and prints their addresses for a shell.
    Up(up::Arguments),
    /// Ends what `up` started, and returns when nothing of it is left.
    Down,
    /// Says what is up.
    Status,
    /// Prints what a part of the stack has written.
    Logs(logs::Arguments),
    /// Disturbs a part of the stack that is up, to see what becomes of the rest.
    Chaos(chaos::Arguments),
    /// Puts local images on the cluster's node.
    Load(load::Arguments),
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
        Command::Test(arguments) => test::run(&arguments),
        Command::Ci => ci::run(),
        Command::Up(arguments) => up::run(&arguments),
        Command::Down => down::run(),
        Command::Status => status::run(),
        Command::Logs(arguments) => logs::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments),
        Command::Load(arguments) => load::run(&arguments),
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

/// Waits until a run's folder is gone: its watchdog removes that last of all.
fn wait_until_gone(run: &Path, deadline: Duration) -> anyhow::Result<()> {
    const INTERVAL: Duration = Duration::from_millis(20);
    let end = Instant::now() + deadline;
    while run.exists() {
        if Instant::now() > end {
            anyhow::bail!(
                "{deadline:?} after its end, something of the run is left: see {}",
                run.display()
            );
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(())
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
