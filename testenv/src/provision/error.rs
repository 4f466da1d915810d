//! What can go wrong while provisioning, each told in one line that ends with what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::cache_dir::CacheDirError;

/// The result of a provisioning step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A provisioning step did not finish; the next run resumes from what it completed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cache folder cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheDirError),
    /// No container engine answers, and none can be installed.
    #[error("no container engine: {reason}; {remedy}")]
    NoEngine {
        /// What was tried.
        reason: String,
        /// What a person does about it.
        remedy: String,
    },
    /// The engine refused a request.
    #[error("the container engine at {endpoint} failed to {action}: {reason}; see its log, then run again")]
    Engine {
        /// The engine's address.
        endpoint: String,
        /// The request, as a verb.
        action: String,
        /// What the engine said.
        reason: String,
    },
    /// A program that a step needs is not installed.
    #[error("`{tool}` is not installed: {remedy}, then run again")]
    MissingTool {
        /// The program.
        tool: String,
        /// How to get it.
        remedy: String,
    },
    /// A program is installed, but too old.
    #[error("`{tool}` is version {found}, but {needed} or newer is needed: {remedy}, then run again")]
    OldTool {
        /// The program.
        tool: String,
        /// What it says it is.
        found: String,
        /// What is needed.
        needed: String,
        /// How to get it.
        remedy: String,
    },
    /// No space is left.
    #[error("the disk is full while {step}: free at least {needed_mb} MB under {}, then run again; it resumes where it stopped", folder.display())]
    DiskFull {
        /// What was being done.
        step: String,
        /// Where space is needed.
        folder: PathBuf,
        /// How much the step takes.
        needed_mb: u64,
    },
    /// A download broke.
    #[error(
        "{step}: the download failed ({reason}): check the network or the proxy settings, then run again; it resumes where it stopped"
    )]
    Download {
        /// What was being downloaded.
        step: String,
        /// The last that the downloader said.
        reason: String,
    },
    /// A step's program failed for a reason of its own.
    #[error("{step} failed: {reason}; the whole output is in {}", log.display())]
    Step {
        /// What was being done.
        step: String,
        /// The last that the program said.
        reason: String,
        /// All that the program said.
        log: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{step}: {}: {source}; check that you may write there, then run again", path.display())]
    File {
        /// What was being done.
        step: String,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// An image is neither in the engine nor can this machine build it.
    #[error("the image {reference} is not in the engine and cannot be built here: {reason}; {remedy}")]
    NoImage {
        /// The image.
        reference: String,
        /// Why it cannot be built.
        reason: String,
        /// What a person does about it.
        remedy: String,
    },
    /// A built image is not the version that its name promises.
    #[error(
        "the image for {reference} answers {found:?}, which is not that version: the distribution has moved on, update the recipe under testenv/assets/images"
    )]
    WrongVersion {
        /// The name that it should have got.
        reference: String,
        /// What its binary said.
        found: String,
    },
    /// The environment of a stock client cannot be made.
    #[error("{0}")]
    Client(#[from] crate::clients::Error),
    /// A recipe in the source does not fit the code that reads it.
    #[error("the recipe of {image} is not usable: {reason}; correct it under testenv/assets/images")]
    Recipe {
        /// The image.
        image: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// A file operation's failure, where a full disk is told apart from the rest.
    pub(crate) fn file(step: &str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::disk_full(step, path.parent().unwrap_or(path), 0)
            }
            _ => Self::File {
                step: step.to_owned(),
                path: path.to_owned(),
                source,
            },
        }
    }

    /// No space is left in `folder` for a step that takes `needed_mb`.
    pub(crate) fn disk_full(step: &str, folder: &Path, needed_mb: u64) -> Self {
        Self::DiskFull {
            step: step.to_owned(),
            folder: folder.to_owned(),
            needed_mb: needed_mb.max(SMALLEST_ADVICE_MB),
        }
    }
}

/// A full disk with nothing known about the step's need: what one image's build takes.
const SMALLEST_ADVICE_MB: u64 = 500;
