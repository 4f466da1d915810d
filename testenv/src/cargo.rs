//! cargo, called from a program that cargo itself may have started.

use std::{env, ffi::OsString, process::Command};

/// Variables by which `cargo run` and `cargo test` tell a program of its own package. A cargo that inherits them runs
/// the build scripts that look at them anew, and compiles whatever depends on those.
const OF_THE_CALLER: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];

/// The cargo that started this program, or the one on the `PATH`.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for name in variables_of_the_caller() {
        command.env_remove(name);
    }
    command
}

/// What a cargo that is started from here must not inherit.
pub(crate) fn variables_of_the_caller() -> impl Iterator<Item = OsString> {
    env::vars_os().map(|(name, _)| name).filter(|name| {
        name.to_str()
            .is_some_and(|name| OF_THE_CALLER.iter().any(|prefix| name.starts_with(prefix)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cargo_that_a_test_starts_is_not_told_of_the_tests_package() {
        assert!(
            env::var_os("CARGO_PKG_NAME").is_some(),
            "cargo has changed what it tells its programs"
        );
        let removed: Vec<_> = cargo().get_envs().map(|(name, _)| name.to_owned()).collect();
        assert!(removed.contains(&"CARGO_PKG_NAME".into()), "{removed:?}");
        assert!(!removed.contains(&"CARGO_HOME".into()), "{removed:?}");
    }
}
