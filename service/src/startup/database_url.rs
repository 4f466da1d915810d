//! The database's URL in a mounted file, which may change while the service runs: its password is rotated.

use std::{path::PathBuf, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::{
    config::{self, Profile},
    store::{self, Store},
    watched_file::WatchedFile,
};

/// Why a file's content is not taken over.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Rules(#[from] config::Errors),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Takes the URL over each time that the file changes, until it is stopped. One that cannot be used is told once, and
/// the one before it stays.
pub(super) async fn follow(file: PathBuf, profile: Profile, store: Arc<dyn Store>, stop: CancellationToken) {
    WatchedFile::new(file)
        .follow(stop, move |file, _| {
            let url = config::database_url_in(file, profile).map_err(Refused::from);
            match url.and_then(|url| Ok(store.take_over_url(&url)?)) {
                Ok(true) => tracing::info!("the database's URL was taken over from its file"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the database's URL stays as it is"),
            }
        })
        .await;
}
