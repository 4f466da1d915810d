//! Programs: this one, to be started again in another role, and those of the machine.

use std::{env, path::PathBuf};
#[cfg(feature = "cli")]
use std::{io, path::Path, process::Command};

/// The path of a program that `PATH` finds.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// On Linux, the very file that runs, even when a build has replaced it meanwhile.
#[cfg(feature = "cli")]
const RUNNING: &str = "/proc/self/exe";

/// A command that starts this program.
#[cfg(feature = "cli")]
pub(crate) fn this_program() -> io::Result<Command> {
    match Path::new(RUNNING).exists() {
        true => Ok(Command::new(RUNNING)),
        false => env::current_exe().map(Command::new),
    }
}
