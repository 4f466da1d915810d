//! Runs a layer's tests by cargo, shows what they print, and counts.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
};

use anyhow::Context;

use super::{layer::Layer, outcome::Outcome};
use crate::{cargo::cargo, cli::own_host::OwnHost, client::SOCKET_VARIABLE, run::RUN_VARIABLE};

/// Knows how tests are run here.
pub(super) struct Runner {
    nextest: bool,
    arguments: Vec<String>,
    environment: Vec<(&'static str, OsString)>,
}

impl Runner {
    /// Gives the tests this host, and passes them `arguments`. Their processes belong to the host's run, so that they
    /// end with it when this one is killed.
    pub(super) fn new(host: &OwnHost, arguments: Vec<String>) -> Self {
        let nextest = cargo().args(["nextest", "--version"]).output();
        let nextest = nextest.is_ok_and(|output| output.status.success());
        let environment = vec![
            (SOCKET_VARIABLE, host.socket().into()),
            (RUN_VARIABLE, host.run().id().as_str().into()),
        ];
        Self {
            nextest,
            arguments,
            environment,
        }
    }

    /// Without a host: for tests that need no container.
    pub(super) fn alone() -> Self {
        Self {
            nextest: false,
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Runs all tests of a layer, whichever fail.
    pub(super) fn run(&self, layer: Layer) -> anyhow::Result<Outcome> {
        self.count(self.command(layer))
    }

    /// Runs one test that is run only when it is asked for.
    pub(super) fn run_ignored(&self, package: &str, target: &str, test: &str) -> Outcome {
        let mut command = cargo();
        command.args([
            "test",
            "--package",
            package,
            "--test",
            target,
            "--",
            "--ignored",
            "--exact",
            test,
        ]);
        self.count(command)
            .unwrap_or_else(|error| Outcome::not_run(format!("{error:#}")))
    }

    fn count(&self, mut command: Command) -> anyhow::Result<Outcome> {
        let mut child = command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let outcome = Mutex::new(Outcome::default());
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            // cargo's own output has its summaries on standard output, nextest's on standard error.
            scope.spawn(|| output.map(|pipe| show_and_count(pipe, std::io::stdout(), &outcome)));
            scope.spawn(|| errors.map(|pipe| show_and_count(pipe, std::io::stderr(), &outcome)));
        });
        let status = child.wait().context("cannot wait for cargo")?;
        let mut outcome = outcome.into_inner().unwrap_or_default();
        if !status.success() && outcome.failed == 0 {
            outcome.failed = 1;
            outcome.reason = Some(format!(
                "cargo ended with {status}: not all tests could be built and run"
            ));
        }
        Ok(outcome)
    }

    fn command(&self, layer: Layer) -> Command {
        let mut command = cargo();
        match self.nextest {
            true => command.args(["nextest", "run", "--no-tests=pass"]),
            false => command.arg("test"),
        };
        command.args(["--workspace", "--no-fail-fast"]);
        if layer == Layer::Pure {
            command.args(["--lib", "--bins"]);
        }
        command.args(["--test", layer.target()]);
        // Figures are measured alone, and shown.
        let one_by_one: &[&str] = match (layer, self.nextest) {
            (Layer::Exhaustive, true) => &["--test-threads=1", "--success-output=immediate"],
            (Layer::Exhaustive, false) => &["--test-threads=1", "--nocapture"],
            _ => &[],
        };
        if self.nextest {
            command.args(one_by_one).args(&self.arguments);
        } else if !(one_by_one.is_empty() && self.arguments.is_empty()) {
            command.arg("--").args(&self.arguments).args(one_by_one);
        }
        command
    }
}

fn show_and_count(pipe: impl Read, mut shown: impl Write, outcome: &Mutex<Outcome>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        // Whoever reads along may stop; the tests go on.
        let _ = shown.write_all(&line).and_then(|()| shown.flush());
        if let Ok(mut outcome) = outcome.lock() {
            outcome.add_line(&String::from_utf8_lossy(&line));
        }
        line.clear();
    }
}
