//! What can go wrong with a client, each with what to do about it.

use std::{io, time::Duration};

use super::Output;
use crate::cache_dir::CacheDirError;

/// Why a client could not be made or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cache folder cannot be used.
    #[error(transparent)]
    CacheDir(#[from] CacheDirError),
    /// There is no Python that can make virtual environments.
    #[error(
        "no usable python3 on PATH ({reason}): install Python 3.11 or newer with its venv module \
         (Debian and Ubuntu: `apt-get install python3-venv`)"
    )]
    Interpreter {
        /// What the attempt said.
        reason: String,
    },
    /// The virtual environment could not be made.
    #[error(
        "could not {step} for the Python clients: {reason}; the next run continues with what was downloaded"
    )]
    Environment {
        /// What was being done.
        step: &'static str,
        /// What the tool said.
        reason: String,
    },
    /// A process outlived its deadline and was killed.
    #[error("{what} was still running after {after:?}; it had printed:\n{printed}")]
    Timeout {
        /// What was running.
        what: &'static str,
        /// The deadline.
        after: Duration,
        /// Its output and errors until then.
        printed: String,
    },
    /// A script ended with a failure.
    #[error("the script failed with {}\n{}{}", .0.status, .0.stdout, .0.stderr)]
    Script(Box<Output>),
    /// A file or process could not be used.
    #[error("could not {step}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }
}
