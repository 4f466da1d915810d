//! The machine's own Python, which makes the virtual environments.

use std::{ffi::OsStr, path::Path, time::Duration};

use nix::unistd::geteuid;
use tokio::process::Command;

use super::{Error, output};

const PROBE: Duration = Duration::from_secs(30);
const PACKAGE_MANAGER: Duration = Duration::from_secs(600);

/// Identifies the `python3` on PATH, after installing it where that can be done without a question.
///
/// Another version or installation has another identity, since a virtual environment works with its own only.
pub(super) async fn identity(python: &OsStr) -> Result<String, Error> {
    let missing = match probe(python).await {
        Ok(identity) => return Ok(identity),
        Err(missing) => missing,
    };
    if !(geteuid().is_root() && Path::new("/usr/bin/apt-get").exists()) {
        return Err(missing);
    }
    tracing::info!("installing python3-venv with apt-get");
    apt_get(&["update"]).await?;
    apt_get(&["install", "--yes", "--no-install-recommends", "python3-venv"]).await?;
    probe(python).await
}

async fn probe(python: &OsStr) -> Result<String, Error> {
    let mut command = Command::new(python);
    command.args([
        "-I",
        "-c",
        "import ensurepip, sys, venv; print(sys.version, sys.base_prefix)",
    ]);
    match output::of(command, "python3", PROBE).await {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(Error::Interpreter {
            reason: output.last_words(),
        }),
        Err(Error::Io { source, .. }) => Err(Error::Interpreter {
            reason: source.to_string(),
        }),
        Err(error) => Err(error),
    }
}

async fn apt_get(arguments: &[&str]) -> Result<(), Error> {
    let mut command = Command::new("apt-get");
    command
        .args(["--quiet", "--option", "DPkg::Lock::Timeout=120"])
        .args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    let output = output::of(command, "apt-get", PACKAGE_MANAGER).await?;
    if output.status.success() {
        Ok(())
    } else {
        Err(Error::Interpreter {
            reason: format!("apt-get failed: {}", output.last_words()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_interpreter_says_what_to_install() {
        let error = probe(OsStr::new("/nowhere/python3"))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("No such file") && error.contains("apt-get install python3-venv"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1);
    }

    #[tokio::test]
    async fn an_interpreter_that_cannot_make_environments_is_not_usable() {
        let error = probe(OsStr::new("false")).await.unwrap_err();
        assert!(matches!(error, Error::Interpreter { .. }), "{error}");
    }
}
