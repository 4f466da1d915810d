//! Which `cargo-testenv` serves as the host of a bare `cargo test`.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::cargo::cargo;

const NAME: &str = "cargo-testenv";

/// Names the binary to use.
const VARIABLE: &str = "ULTRA_TESTENV_BIN";

/// The command that becomes the host when it is given the host's arguments: the one that is named, else the one that
/// cargo built beside the running test, else an installed one, else one that cargo builds from this workspace.
pub(crate) fn host_binary() -> Command {
    env::var_os(VARIABLE)
        .map(PathBuf::from)
        .or_else(|| env::current_exe().ok().and_then(|test| beside(&test)))
        .or_else(|| env::var_os("PATH").and_then(|path| on_path(&path)))
        .map_or_else(built_by_cargo, Command::new)
}

/// Cargo puts tests into `target/<profile>/deps` and examples into `target/<profile>/examples`,
/// and binaries into `target/<profile>`.
fn beside(test: &Path) -> Option<PathBuf> {
    test.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(NAME))
        .find(|path| path.is_file())
}

fn on_path(path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|folder| folder.join(NAME))
        .find(|path| path.is_file())
}

fn built_by_cargo() -> Command {
    let mut command = cargo();
    command.args([
        "run",
        "--quiet",
        "--package",
        "ultra-testenv",
        "--bin",
        NAME,
        "--",
    ]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_of_the_profile_that_the_test_was_built_in_is_found() {
        let target = tempfile::tempdir().unwrap();
        let debug = target.path().join("debug");
        std::fs::create_dir_all(debug.join("deps")).unwrap();
        let test = debug.join("deps/containers-0123");
        assert_eq!(beside(&test), None);
        std::fs::write(debug.join(NAME), "").unwrap();
        assert_eq!(beside(&test), Some(debug.join(NAME)));
    }
}
