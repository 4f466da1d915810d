//! `cargo testenv`, the command.

use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    ultra_testenv::cli::main(std::env::args_os()).unwrap_or_else(|error| {
        // A closed standard error leaves the exit code to tell.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}
