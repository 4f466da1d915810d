//! Makes what was appended safe against a loss of power, in groups: never one wait for the disk per request.

use std::{fs::File, io, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Ledger, spool::Dirty};

/// How long others may join a group. With the time that the disk takes, a line is safe within 10 ms.
const GATHER: Duration = Duration::from_millis(5);

impl Ledger {
    /// Does so until it is told to stop, and once more then.
    pub async fn sync(self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let going_on = stop
                .run_until_cancelled(async {
                    self.0.written.notified().await;
                    tokio::time::sleep(GATHER).await;
                })
                .await
                .is_some();
            let dirty = self.0.spool.take_dirty();
            let synced = tokio::task::spawn_blocking(move || sync(&dirty)).await;
            match synced.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(()) => failing = false,
                Err(error) => {
                    self.0.spool.unsafe_again();
                    if !failing {
                        failing = true;
                        tracing::error!(%error, "usage records would not survive a loss of power");
                    }
                }
            }
            if !going_on {
                return;
            }
        }
    }
}

fn sync(dirty: &Dirty) -> io::Result<()> {
    for file in &dirty.files {
        file.sync_data()?;
    }
    match &dirty.folder {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
