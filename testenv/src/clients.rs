//! Stock SDK clients, run against a service as a user would run them, and what else comes from the registries of Python
//! and Node to test it with.
//!
//! A virtual environment per set of requirements, and a folder per list of npm's packages, live in the cache folder, so
//! the machine's own Python and Node stay as they are, and the second run starts at once:
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

mod browser;
mod error;
mod made;
mod npm;
mod output;
mod tool;
mod virtualenv;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

#[cfg(feature = "cli")]
pub(crate) use self::tool::can_install;
pub use self::{error::Error, output::Output, tool::Tool};
use crate::cache_dir::CacheDir;
#[cfg(feature = "cli")]
use crate::program::which;

/// Pinned requirements, with hashes, of the `openai`, `anthropic` and `langchain-openai` SDKs.
pub const PYTHON_SDKS: &str = include_str!("../assets/clients/python/requirements.txt");

/// Pinned requirements, with hashes, of what tests an API against its OpenAPI document.
pub const SCHEMATHESIS: &str = include_str!("../assets/clients/schemathesis/requirements.txt");

/// The `openai` and `ai` SDKs, what drives a browser (`playwright-core`), and a linter of OpenAPI documents
/// (`@redocly/cli`), with the Node that they run on.
pub const NODE_PACKAGES: NodePackages = NodePackages {
    manifest: include_str!("../assets/clients/node/package.json"),
    lock: include_str!("../assets/clients/node/package-lock.json"),
};

/// What of the machine's own they need, and where it is.
#[cfg(feature = "cli")]
pub(crate) fn tools() -> [(Tool, Option<PathBuf>); 3] {
    [
        (tool::PYTHON, which("python3")),
        (tool::NPM, which("npm")),
        (tool::BROWSER, browser::found().ok()),
    ]
}

/// Whether everything that client tests need is there.
#[cfg(feature = "cli")]
pub(crate) async fn are_ready_in(cache: &CacheDir) -> Result<bool, Error> {
    Ok(npm::exists(cache, NODE_PACKAGES)?
        && browser::found().is_ok()
        && virtualenv::exists(cache, PYTHON_SDKS).await?
        && virtualenv::exists(cache, SCHEMATHESIS).await?)
}

/// Makes everything that client tests need, ahead of them, so that no test's deadline runs meanwhile.
#[cfg(feature = "cli")]
pub(crate) async fn provision_in(cache: &CacheDir) -> Result<(), Error> {
    virtualenv::ready(cache, PYTHON_SDKS).await?;
    virtualenv::ready(cache, SCHEMATHESIS).await?;
    npm::ready(cache, NODE_PACKAGES).await?;
    browser::ready(cache).await.map(drop)
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

/// A Node with exactly `packages` installed, and itself one of them.
///
/// Made once per machine and lock file; safe to call from several processes at once.
pub async fn node(packages: NodePackages) -> Result<Node, Error> {
    npm::ready(&CacheDir::from_env()?, packages).await
}

/// The same, in a cache folder of the caller's choice.
pub async fn node_in(cache: &Path, packages: NodePackages) -> Result<Node, Error> {
    npm::ready(&CacheDir::at(cache)?, packages).await
}

/// The executable of the machine's Chromium, installed where it is missing, on Debian and as root.
pub async fn browser() -> Result<PathBuf, Error> {
    browser::ready(&CacheDir::from_env()?).await
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

/// Packages of npm: what is wanted, and the lock file that pins all that comes of it.
#[derive(Debug, Clone, Copy)]
pub struct NodePackages {
    /// The content of `package.json`; one of the packages is Node itself.
    pub manifest: &'static str,
    /// The content of `package-lock.json`.
    pub lock: &'static str,
}

/// Node among its packages.
#[derive(Debug, Clone)]
pub struct Node {
    folder: PathBuf,
}

impl Node {
    fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Node's executable.
    pub fn path(&self) -> PathBuf {
        self.package(npm::RUNTIME).join("bin").join("node")
    }

    /// The folder of an installed package.
    pub fn package(&self, name: &str) -> PathBuf {
        self.folder.join("node_modules").join(name)
    }

    /// Runs `script`, an ECMAScript module that imports any of the packages, with exactly the variables `env`; kills
    /// it when `timeout` has passed.
    pub async fn run(&self, script: &str, env: &[(&str, &str)], timeout: Duration) -> Result<Output, Error> {
        self.execute(&["--input-type=module", "--eval", script], env, timeout)
            .await
    }

    /// The same with Node's own arguments, a program of a package and what that is given for example.
    pub async fn execute(
        &self,
        arguments: &[impl AsRef<OsStr>],
        env: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Output, Error> {
        let mut command = Command::new(self.path());
        command
            .args(arguments)
            // Imports of a script that is no file begin here.
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.folder)
            .envs(env.iter().copied());
        output::of(command, "the script", timeout).await
    }
}
