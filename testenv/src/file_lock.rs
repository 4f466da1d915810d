//! Locks between processes: the operating system frees them when their holder dies, however it dies.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use crate::Error;

/// A lock on a file, held until it is dropped or its process ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock if it is free.
    #[cfg(feature = "cli")]
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        use std::fs::TryLockError;
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::at("lock", path)(error)),
        }
    }

    /// Waits until the lock is free, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        let file = open(path)?;
        file.lock().map_err(Error::at("lock", path))?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::at("open", path))
}
