//! A file in the cache with a record beside it: what it was made from, and the digest that it must have.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::cache_dir::write_atomically;

/// The record of an artefact that was finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Identifies what it was made from and how.
    inputs: String,
    sha256: String,
    size: u64,
    modified_nanos: u128,
}

/// A path in the cache at which a file with known content belongs.
#[derive(Debug)]
pub(crate) struct Artefact {
    path: PathBuf,
}

impl Artefact {
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where a step writes what [`Artefact::publish`] then takes.
    pub(crate) fn partial(&self) -> PathBuf {
        self.path.with_extension("partial")
    }

    /// The digest, if the file is what `inputs` once made; a damaged or outdated file counts as absent.
    ///
    /// The content is read again only if the file's size or time differs from the record's.
    pub(crate) fn verified(&self, inputs: &str) -> Option<String> {
        let record: Record = serde_json::from_slice(&fs::read(self.record_path()).ok()?).ok()?;
        if record.inputs != inputs {
            return None;
        }
        let (size, modified_nanos) = stamp(&self.path).ok()?;
        if (size, modified_nanos) == (record.size, record.modified_nanos) {
            return Some(record.sha256);
        }
        let intact = size == record.size && sha256_of(&self.path).ok()? == record.sha256;
        if !intact {
            return None;
        }
        let touched = Record {
            modified_nanos,
            ..record
        };
        self.write_record(&touched).ok()?;
        Some(touched.sha256)
    }

    /// Makes the finished partial file the artefact and returns its digest.
    pub(crate) fn publish(&self, inputs: &str) -> io::Result<String> {
        let partial = self.partial();
        let sha256 = sha256_of(&partial)?;
        File::open(&partial)?.sync_all()?;
        // Without a record the file counts as absent, so that a crash between the next steps leaves no lie behind.
        match fs::remove_file(self.record_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::rename(&partial, &self.path)?,
        }
        let (size, modified_nanos) = stamp(&self.path)?;
        self.write_record(&Record {
            inputs: inputs.to_owned(),
            sha256: sha256.clone(),
            size,
            modified_nanos,
        })?;
        Ok(sha256)
    }

    fn record_path(&self) -> PathBuf {
        self.path.with_extension("json")
    }

    fn write_record(&self, record: &Record) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(record)?;
        write_atomically(&self.record_path(), |file| file.write_all(&text))
    }
}

/// Tells one file of the user's from another without reading it: its path, size and time.
pub(crate) fn identity_of(path: &Path) -> io::Result<String> {
    let (size, modified_nanos) = stamp(path)?;
    Ok(format!("{}:{size}:{modified_nanos}", path.display()))
}

/// The SHA-256 of a file's content, in hexadecimal digits.
pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut Hasher(&mut hash))?;
    Ok(hex::encode(hash.finalize()))
}

struct Hasher<'a>(&'a mut Sha256);

impl io::Write for Hasher<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn stamp(path: &Path) -> io::Result<(u64, u128)> {
    let metadata = fs::metadata(path)?;
    let modified: SystemTime = metadata.modified()?;
    Ok((
        metadata.len(),
        modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(content: &str) -> (tempfile::TempDir, Artefact) {
        let folder = tempfile::tempdir().unwrap();
        let artefact = Artefact::at(folder.path().join("etcd"));
        fs::write(artefact.partial(), content).unwrap();
        artefact.publish("inputs").unwrap();
        (folder, artefact)
    }

    #[test]
    fn a_published_file_is_there_for_the_same_inputs_only() {
        let (_folder, artefact) = published("binary");
        assert!(artefact.verified("inputs").is_some());
        assert_eq!(artefact.verified("other inputs"), None);
        assert!(!artefact.partial().exists());
    }

    #[test]
    fn a_corrupted_file_counts_as_absent() {
        let (_folder, artefact) = published("binary");
        fs::write(&artefact.path, "b1nary").unwrap();
        assert_eq!(artefact.verified("inputs"), None);
    }

    #[test]
    fn a_truncated_or_missing_file_counts_as_absent() {
        let (_folder, artefact) = published("binary");
        fs::write(&artefact.path, "bin").unwrap();
        assert_eq!(artefact.verified("inputs"), None);
        fs::remove_file(&artefact.path).unwrap();
        assert_eq!(artefact.verified("inputs"), None);
    }

    #[test]
    fn a_file_that_was_only_touched_is_read_again_and_stays() {
        let (_folder, artefact) = published("binary");
        let file = File::options().write(true).open(&artefact.path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(artefact.verified("inputs").is_some());
    }

    #[test]
    fn an_interrupted_step_leaves_nothing_that_counts() {
        let folder = tempfile::tempdir().unwrap();
        let artefact = Artefact::at(folder.path().join("etcd"));
        fs::write(artefact.partial(), "half a bin").unwrap();
        assert_eq!(artefact.verified("inputs"), None);
        fs::rename(artefact.partial(), &artefact.path).unwrap();
        assert_eq!(artefact.verified("inputs"), None);
    }
}
