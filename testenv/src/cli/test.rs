//! `cargo testenv test`: the gate. Provisions what is missing, runs the layers, fastest first, and sums up.

mod layer;
mod outcome;
mod real;
mod report;
mod runner;

use std::{
    io::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;

use self::{
    layer::{Layer, targets},
    outcome::Outcome,
    report::Report,
    runner::Runner,
};
use super::own_host::OwnHost;
use crate::{
    cache_dir::CacheDir,
    provision::{Progress, Provisioner},
};

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Runs this layer only; may be given several times.
    #[arg(long, value_enum, value_name = "LAYER")]
    only: Vec<Layer>,
    /// Adds what takes too long for every change.
    #[arg(long)]
    all: bool,
    /// What answers for the language models.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// Goes to the tests, a name to choose among them for example.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// What answers for the language models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// Stand-ins.
    #[default]
    Mock,
    /// The providers whose keys are in the environment.
    Real,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let report = match arguments.mode {
        Mode::Mock => run_layers(arguments)?,
        Mode::Real => real::run(),
    };
    let mut output = std::io::stdout();
    write!(output, "\n{report}")?;
    output.flush()?;
    Ok(match report.succeeded() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn run_layers(arguments: &Arguments) -> anyhow::Result<Report> {
    // Several libraries of this process use rustls, and none may guess which provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let targets = targets().context("cannot list the workspace's tests")?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime")?;
    let host = OwnHost::start()?;
    let provisioner =
        Provisioner::new(CacheDir::from_env()?, Progress::stderr()).for_run(host.run().id().clone());
    let runner = Runner::new(&host, arguments.arguments.clone());
    let mut rows = Vec::new();
    for layer in Layer::ALL {
        let outcome = match why_not(layer, arguments, targets.contains(layer.target())) {
            Some(reason) => Outcome::skipped(reason),
            None => {
                let start = Instant::now();
                say(&format!("{layer}: {}", layer.description()))?;
                let provisioned = runtime.block_on(layer.provision(&provisioner));
                let outcome = provisioned
                    .context("cannot provision it")
                    .and_then(|()| runner.run(layer));
                outcome
                    .unwrap_or_else(|error| Outcome::not_run(format!("{error:#}")))
                    .after(start.elapsed())
            }
        };
        rows.push((layer.to_string(), outcome));
    }
    if let Err(error) = end(host) {
        rows.push(("leftovers".to_owned(), Outcome::not_run(format!("{error:#}"))));
    }
    Ok(Report::new(rows))
}

/// Why a layer is left out, if it is.
fn why_not(layer: Layer, arguments: &Arguments, has_tests: bool) -> Option<&'static str> {
    let selected = match arguments.only.is_empty() {
        true => layer != Layer::Exhaustive || arguments.all,
        false => arguments.only.contains(&layer),
    };
    match (selected, has_tests || layer == Layer::Pure) {
        (true, true) => None,
        (true, false) => Some("no crate has such tests"),
        (false, _) if arguments.only.is_empty() => Some("runs with --all"),
        (false, _) => Some("not selected"),
    }
}

/// A run that leaves something is a run that failed.
fn end(host: OwnHost) -> anyhow::Result<()> {
    const DEADLINE: Duration = Duration::from_secs(120);
    let run = host.run().path().to_owned();
    host.end()?;
    super::wait_until_gone(&run, DEADLINE)
}

fn say(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "\n── {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(only: &[Layer], all: bool) -> Arguments {
        Arguments {
            only: only.to_vec(),
            all,
            mode: Mode::Mock,
            arguments: Vec::new(),
        }
    }

    #[test]
    fn without_a_selection_everything_but_the_exhaustive_layer_runs() {
        let reasons = Layer::ALL.map(|layer| why_not(layer, &arguments(&[], false), true));
        assert_eq!(reasons, [None, None, None, None, Some("runs with --all")]);
        assert_eq!(why_not(Layer::Exhaustive, &arguments(&[], true), true), None);
    }

    #[test]
    fn a_selection_leaves_all_others_out_and_says_so() {
        let selected = arguments(&[Layer::Pure, Layer::Exhaustive], false);
        let reasons = Layer::ALL.map(|layer| why_not(layer, &selected, true));
        assert_eq!(
            reasons,
            [
                None,
                Some("not selected"),
                Some("not selected"),
                Some("not selected"),
                None
            ]
        );
    }
}
