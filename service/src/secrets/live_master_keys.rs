use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{InvalidMasterKeys, KnownMasterKey, MasterKeys};
use crate::bounded_file;

/// How often the file is looked at. Kubernetes replaces a mounted Secret by swapping symlinks, which asking for the
/// content survives.
const INTERVAL: Duration = Duration::from_secs(1);

/// Far more than any list of keys needs.
const MOST_BYTES: u64 = 64 * 1024;

/// The master keys as they are now.
#[derive(Clone)]
pub struct LiveMasterKeys {
    keys: Arc<watch::Sender<Arc<MasterKeys>>>,
    refuse_known: bool,
}

/// Why a file of master keys cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It holds no master keys.
    #[error("{path} {source}")]
    Invalid {
        /// Which.
        path: String,
        /// Why.
        source: InvalidMasterKeys,
    },
    /// It gives another key the name of one that is in use.
    #[error(
        "{path} holds another key under the name {id:?}: what lies under the one of now could not be opened any more, give the new key a new name"
    )]
    OtherKey {
        /// Which.
        path: String,
        /// The name.
        id: String,
    },
    /// It holds a key that production must not use.
    #[error("{path} {source}")]
    Known {
        /// Which.
        path: String,
        /// Why.
        source: KnownMasterKey,
    },
}

impl LiveMasterKeys {
    /// Begins with these keys. Where `refuse_known` is set, later ones must be random.
    pub fn new(keys: MasterKeys, refuse_known: bool) -> Self {
        Self {
            keys: Arc::new(watch::Sender::new(Arc::new(keys))),
            refuse_known,
        }
    }

    /// The keys as they are now; cheap.
    pub fn current(&self) -> Arc<MasterKeys> {
        Arc::clone(&self.keys.borrow())
    }

    /// Tells whoever waits when there are others.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<MasterKeys>> {
        self.keys.subscribe()
    }

    /// Takes over what the file holds, each time that it changes, until it is stopped. What cannot be taken over is
    /// told once, and the keys stay as they are.
    pub async fn watch(&self, file: PathBuf, stop: CancellationToken) {
        let mut seen = None;
        loop {
            let (this, path, last) = (self.clone(), file.clone(), seen.clone());
            // A network file system may take its time.
            let look = tokio::task::spawn_blocking(move || this.look(&path, last.as_ref()));
            if let Ok(Some(found)) = look.await {
                seen = Some(found);
            }
            if stop
                .run_until_cancelled(tokio::time::sleep(INTERVAL))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Looks once. Gives what it saw, where that is something new.
    fn look(&self, file: &Path, last: Option<&Seen>) -> Option<Seen> {
        let (seen, keys) = match read(file) {
            Ok(text) => {
                let seen = Seen::Content(Sha256::digest(text.as_bytes()).into());
                if last == Some(&seen) {
                    return None;
                }
                (seen, self.parse(file, &text))
            }
            Err(source) => {
                let seen = Seen::Error(source.kind());
                if last == Some(&seen) {
                    return None;
                }
                let path = file.display().to_string();
                (seen, Err(LoadError::File { path, source }))
            }
        };
        match keys {
            Ok(keys) => self.take_over(keys),
            Err(error) => tracing::error!(%error, "the master keys stay as they are"),
        }
        Some(seen)
    }

    fn parse(&self, file: &Path, text: &str) -> Result<MasterKeys, LoadError> {
        let path = || file.display().to_string();
        let keys = MasterKeys::parse(&SecretString::from(text))
            .map_err(|source| LoadError::Invalid { path: path(), source })?;
        if let Some(id) = self.current().renamed_in(&keys) {
            let (path, id) = (path(), id.to_owned());
            return Err(LoadError::OtherKey { path, id });
        }
        if self.refuse_known {
            keys.refuse_known()
                .map_err(|source| LoadError::Known { path: path(), source })?;
        }
        Ok(keys)
    }

    fn take_over(&self, keys: MasterKeys) {
        let keys = Arc::new(keys);
        let changed = self.keys.send_if_modified(|current| {
            let changed = !current.is_same(&keys);
            *current = Arc::clone(&keys);
            changed
        });
        if changed {
            tracing::info!(master_keys = ?keys, "the master keys were taken over from their file");
        }
    }
}

fn read(file: &Path) -> io::Result<Zeroizing<String>> {
    let content = bounded_file::read(file, MOST_BYTES)?;
    let text = String::from_utf8(content).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Zeroizing::new(text))
}

/// What the file showed: by its digest, so that no second copy of the keys is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Content([u8; 32]),
    Error(io::ErrorKind),
}

#[cfg(test)]
#[path = "live_master_keys/tests.rs"]
mod tests;
