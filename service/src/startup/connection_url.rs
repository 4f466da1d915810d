//! The URL of a server in a mounted file, which may change while the service runs: its password is rotated.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::{config, watched_file::WatchedFile};

/// Takes a server's URL over each time that its file changes, until it is stopped. One that cannot be used is told once,
/// and the one before it stays.
pub(super) async fn follow<E: Display>(
    server: &'static str,
    file: PathBuf,
    read: impl Fn(&Path) -> Result<SecretString, config::Errors> + Send + Sync + 'static,
    take_over: impl Fn(&SecretString) -> Result<bool, E> + Send + Sync + 'static,
    stop: CancellationToken,
) {
    WatchedFile::new(file)
        .follow(stop, move |file, _| {
            let taken = match read(file) {
                Ok(url) => take_over(&url).map_err(|error| error.to_string()),
                Err(errors) => Err(errors.to_string()),
            };
            match taken {
                Ok(true) => tracing::info!(server, "the URL was taken over from its file"),
                Ok(false) => {}
                Err(error) => tracing::error!(server, error, "the URL stays as it is"),
            }
        })
        .await;
}
