//! What can go wrong, told with what to do about it.

use std::path::{Path, PathBuf};

use crate::{
    cache_dir::CacheDirError,
    protocol::Response,
    stack::{Fault, Part},
};

/// Why the test environment could not give what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A call to the operating system failed.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done, as an infinitive.
        doing: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The cache folder cannot be used.
    #[error(transparent)]
    CacheDir(#[from] CacheDirError),
    /// The host process answered that it could not serve the request.
    #[error("{0}")]
    Refused(String),
    /// The host process could not be started or did not become ready.
    #[error("the test environment's host did not start: {reason}")]
    HostStart {
        /// What it said last.
        reason: String,
    },
    /// The connection to the host process ended within a request.
    #[error("the test environment's host at {} has gone; its log is kept in `logs` of the cache folder", socket.display())]
    HostGone {
        /// The socket that it listened on.
        socket: PathBuf,
    },
    /// The host process is of another build than this library.
    #[error(
        "the test environment's host at {} speaks protocol {host}, this library {library}: rebuild it with `cargo build --package ultra-testenv --bin cargo-testenv`, or end it with `cargo testenv down`",
        socket.display()
    )]
    ProtocolVersion {
        /// The socket that it listens on.
        socket: PathBuf,
        /// The host's protocol.
        host: String,
        /// This library's protocol.
        library: String,
    },
    /// An answer that does not fit the request.
    #[error("the test environment's host was asked for {request} and answered {answer}")]
    Protocol {
        /// What was asked.
        request: String,
        /// What came back.
        answer: String,
    },
    /// A fault was asked for on containers that others use.
    #[error(
        "cannot {fault} {part} of a shared stack, because other tests use it: start the stack with `.dedicated()`"
    )]
    SharedStack {
        /// The part that was to be disturbed.
        part: Part,
        /// What was to be done to it.
        fault: Fault,
    },
    /// The caller's migration of a template database failed.
    #[error("the migration of the template database `{key}` failed: {message}")]
    Migration {
        /// The template's key.
        key: String,
        /// The migration's error.
        message: String,
    },
    /// A condition that was waited for did not come to hold.
    #[error("{what}: not within {deadline:?}; last seen: {last_seen}")]
    Deadline {
        /// The condition.
        what: String,
        /// How long it was waited for.
        deadline: std::time::Duration,
        /// What there was instead, when it was looked at last.
        last_seen: String,
    },
    /// A program of the run ended before it was ready.
    #[error("{program} ended ({status}) before it was ready; the end of its log:\n{log}")]
    Ended {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// A program of the run did not become ready.
    #[error("{program}: {source}; the end of its log:\n{log}")]
    Unready {
        /// The program.
        program: &'static str,
        /// What was waited for.
        source: Box<Error>,
        /// The end of its log.
        log: String,
    },
    /// Kubernetes refused a request or could not be asked.
    #[cfg(feature = "cluster")]
    #[error("cannot {doing}: {source}")]
    Kubernetes {
        /// What was being done, as an infinitive.
        doing: String,
        /// Its answer.
        source: Box<kube::Error>,
    },
}

impl Error {
    /// Adds what was being done, as an infinitive, to an error of Kubernetes.
    #[cfg(feature = "cluster")]
    pub(crate) fn kubernetes(doing: &str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Kubernetes {
            doing: doing.to_owned(),
            source: Box::new(source),
        }
    }

    /// An I/O error with what was being done, as an infinitive: "read the list".
    pub(crate) fn io(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            doing: doing.into(),
            source,
        }
    }

    /// What the host tells a client of an error that is none of its own.
    #[cfg(feature = "cli")]
    pub(crate) fn refusal(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let reason = error.to_string();
            // Some errors repeat their cause.
            if !text.contains(&reason) {
                text = format!("{text}: {reason}");
            }
            cause = error.source();
        }
        Self::Refused(text)
    }

    /// An answer of another kind than the request's.
    pub(crate) fn unexpected(request: &str, answer: &Response) -> Self {
        Self::Protocol {
            request: request.to_owned(),
            answer: format!("{answer:?}"),
        }
    }

    /// Adds "cannot <verb> <path>" to an I/O error.
    pub(crate) fn at<'a>(verb: &'a str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| Self::io(format!("{verb} {}", path.display()), source)
    }
}
