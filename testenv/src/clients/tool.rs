//! Programs of the machine's own that clients need, installed where that can be done without a question.

use std::{fmt, path::Path, time::Duration};

use nix::unistd::geteuid;
use tokio::process::Command;

use super::{Error, output};
use crate::cache_dir::CacheDir;

const PROBE: Duration = Duration::from_secs(30);
const PACKAGE_MANAGER: Duration = Duration::from_secs(600);

/// A program, and where Debian has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    what: &'static str,
    package: &'static str,
}

/// Makes virtual environments.
pub(super) const PYTHON: Tool = Tool {
    what: "Python 3.11 or newer with its venv module",
    package: "python3-venv",
};

/// Installs what a lock file names.
pub(super) const NPM: Tool = Tool {
    what: "npm 9 or newer",
    package: "npm",
};

/// Shows pages to nobody.
pub(super) const BROWSER: Tool = Tool {
    what: "Chromium",
    package: "chromium-headless-shell",
};

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (Debian and Ubuntu: `apt-get install {}`)",
            self.what, self.package
        )
    }
}

/// Whether a package can be installed without a question.
pub(crate) fn can_install() -> bool {
    geteuid().is_root() && Path::new("/usr/bin/apt-get").exists()
}

impl Tool {
    /// What it is.
    pub fn what(self) -> &'static str {
        self.what
    }

    /// What `probe` tells of the program, after installing it where it is missing and that can be done without a question.
    pub(super) async fn ready<T>(
        self,
        cache: &CacheDir,
        probe: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let missing = match probe().await {
            Err(missing @ Error::Tool { .. }) => missing,
            settled => return settled,
        };
        if !can_install() {
            return Err(missing);
        }
        let wait = |holder| tracing::info!("waiting for {holder}, which installs a package");
        let _lock = cache
            .lock("apt-get", wait)
            .await
            .map_err(Error::io("lock the package manager"))?;
        if let Err(Error::Tool { .. }) = probe().await {
            tracing::info!("installing {} with apt-get", self.package);
            self.apt_get(&["update"]).await?;
            self.apt_get(&["install", "--yes", "--no-install-recommends", self.package])
                .await?;
        }
        probe().await
    }

    /// What a program says that tells of itself, where it succeeds.
    pub(super) async fn asked(self, command: Command) -> Result<String, Error> {
        match output::of(command, self.what, PROBE).await {
            Ok(output) if output.status.success() => Ok(output.stdout),
            Ok(output) => Err(self.missing(output.last_words())),
            Err(Error::Io { source, .. }) => Err(self.missing(source.to_string())),
            Err(error) => Err(error),
        }
    }

    pub(super) fn missing(self, reason: impl Into<String>) -> Error {
        Error::Tool {
            tool: self,
            reason: reason.into(),
        }
    }

    async fn apt_get(self, arguments: &[&str]) -> Result<(), Error> {
        let mut command = Command::new("apt-get");
        command
            .args(["--quiet", "--option", "DPkg::Lock::Timeout=120"])
            .args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        let output = output::of(command, "apt-get", PACKAGE_MANAGER).await?;
        if output.status.success() {
            Ok(())
        } else {
            Err(self.missing(format!("apt-get failed: {}", output.last_words())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_program_says_what_to_install() {
        let error = PYTHON
            .asked(Command::new("/nowhere/python3"))
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
    async fn a_program_that_fails_when_it_is_asked_is_not_usable() {
        let error = PYTHON.asked(Command::new("false")).await.unwrap_err();
        assert!(matches!(error, Error::Tool { .. }), "{error}");
    }

    #[tokio::test]
    async fn what_is_there_is_not_installed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CacheDir::at(folder.path()).unwrap();
        let ready = NPM.ready(&cache, async || NPM.asked(Command::new("true")).await);
        assert_eq!(ready.await.unwrap(), "");
        assert!(
            !folder.path().join("locks").exists(),
            "the package manager was locked"
        );
    }
}
