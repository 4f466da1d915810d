//! What can go wrong with a client, each with what to do about it.

use std::{io, time::Duration};

use super::{Output, Tool};
use crate::cache_dir::CacheDirError;

/// Why a client could not be made or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cache folder cannot be used.
    #[error(transparent)]
    CacheDir(#[from] CacheDirError),
    /// A program of the machine's own is not there, or cannot be used.
    #[error("no usable program ({reason}): install {tool}")]
    Tool {
        /// The program.
        tool: Tool,
        /// What the attempt said.
        reason: String,
    },
    /// The folder with the clients could not be made.
    #[error("could not {step} for the clients: {reason}; the next run continues with what was downloaded")]
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
