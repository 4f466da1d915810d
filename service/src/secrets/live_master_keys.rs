use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{InvalidMasterKeys, KnownMasterKey, MasterKeys};
use crate::watched_file::WatchedFile;

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
        let this = self.clone();
        WatchedFile::new(file)
            .follow(stop, move |file, content| this.see(file, content))
            .await;
    }

    /// Takes a new content of the file over, if it is one.
    fn see(&self, file: &Path, content: io::Result<Zeroizing<String>>) {
        let keys = match content {
            Ok(text) => self.parse(file, &text),
            Err(source) => {
                let path = file.display().to_string();
                Err(LoadError::File { path, source })
            }
        };
        match keys {
            Ok(keys) => self.take_over(keys),
            Err(error) => tracing::error!(%error, "the master keys stay as they are"),
        }
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

#[cfg(test)]
#[path = "live_master_keys/tests.rs"]
mod tests;
