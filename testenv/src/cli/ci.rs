//! `cargo testenv ci`: what must pass before a change is merged, for a person and for CI alike.

use std::{io::Write, process::ExitCode};

use anyhow::Context;

use crate::{cargo::cargo, program::this_program};

/// That generated files are fresh is a test of the layer `pure`, beside their generators.
const CHECKS: [(&str, &[&str]); 2] = [
    ("format", &["fmt", "--all", "--check"]),
    (
        "clippy",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ],
    ),
];

/// Does everything, even after a failure: a person wants to know all that is wrong at once.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let mut failed = Vec::new();
    for (name, arguments) in CHECKS {
        writeln!(std::io::stderr(), "── {name}: cargo {}", arguments.join(" "))?;
        let status = cargo().args(arguments).status().context("cannot start cargo")?;
        if !status.success() {
            failed.push(name);
        }
    }
    let mut program = this_program().context("cannot find this program")?;
    let status = program.arg("test").status().context("cannot start the tests")?;
    if !status.success() {
        failed.push("test");
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(std::io::stderr(), "failed: {}", failed.join(", "))?;
    Ok(ExitCode::FAILURE)
}
