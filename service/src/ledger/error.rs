use std::{io, path::PathBuf};

/// Why the ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two processes that write to one spool would lose each other's records.
    #[error("another process uses the spool {0}; give each its own ULTRA_DATA_DIR")]
    InUse(PathBuf),
    /// The folder or a file in it cannot be used.
    #[error("the spool {path} cannot be used: {source}")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// There is no room for another record: the store has not taken the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger is full")]
pub struct Full;

/// The record could not be written, so that the answer must not go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record could not be written")]
pub struct NotRecorded;
