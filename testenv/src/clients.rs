//! Stock SDK clients, run against a service as a user would run them.
//!
//! A virtual environment per set of requirements lives in the cache folder, so the machine's own Python stays
//! as it is, and the second run starts at once:
//!
//! ```no_run
//! # async fn example(base_url: &str) -> Result<(), ultra_testenv::clients::Error> {
//! use std::time::Duration;
//! use ultra_testenv::clients;
//!
//! let python = clients::python(clients::PYTHON_SDKS).await?;
//! let script = "import openai; print([model.id for model in openai.OpenAI().models.list()])";
//! let environment = [("OPENAI_BASE_URL", base_url), ("OPENAI_API_KEY", "any")];
//! let models = python.run(script, &environment, Duration::from_secs(30)).await?.success()?;
//! # Ok(())
//! # }
//! ```

mod error;
mod interpreter;
mod output;
mod virtualenv;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

pub use self::{error::Error, output::Output};
use crate::cache_dir::CacheDir;

/// Pinned requirements, with hashes, of the `openai` and `anthropic` SDKs.
pub const PYTHON_SDKS: &str = include_str!("../assets/clients/python/requirements.txt");

/// Whether everything that client tests need is there.
#[cfg(feature = "cli")]
pub(crate) async fn are_ready_in(cache: &CacheDir) -> Result<bool, Error> {
    virtualenv::exists(cache, PYTHON_SDKS).await
}

/// Makes everything that client tests need, ahead of them, so that no test's deadline runs meanwhile.
#[cfg(feature = "cli")]
pub(crate) async fn provision_in(cache: &CacheDir) -> Result<(), Error> {
    virtualenv::ready(cache, PYTHON_SDKS).await.map(drop)
}

/// A Python with exactly `requirements` installed: the text of a requirements file that pins every package,
/// transitive ones too.
///
/// Made once per machine, interpreter and requirements; safe to call from several processes at once.
pub async fn python(requirements: &str) -> Result<Python, Error> {
    virtualenv::ready(&CacheDir::from_env()?, requirements).await
}

/// The same, in a cache folder of the caller's choice.
pub async fn python_in(cache: &Path, requirements: &str) -> Result<Python, Error> {
    virtualenv::ready(&CacheDir::at(cache)?, requirements).await
}

/// An interpreter in a virtual environment of its own.
#[derive(Debug, Clone)]
pub struct Python {
    environment: PathBuf,
}

impl Python {
    /// The interpreter's executable.
    pub fn path(&self) -> PathBuf {
        self.environment.join("bin").join("python")
    }

    /// Runs `script` with exactly the variables `env`, so that no key, proxy or `PYTHONPATH` of the caller's
    /// own environment reaches it; kills it when `timeout` has passed.
    pub async fn run(&self, script: &str, env: &[(&str, &str)], timeout: Duration) -> Result<Output, Error> {
        let mut command = Command::new(self.path());
        command
            .arg("-c")
            .arg(script)
            .env_clear()
            .env("HOME", &self.environment)
            .envs(env.iter().copied());
        output::of(command, "the script", timeout).await
    }

    /// The virtual environment's folder.
    pub fn environment(&self) -> &Path {
        &self.environment
    }
}
