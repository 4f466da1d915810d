//! Carries records from the spool to the store, in batches: never one round trip per request.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Ledger, spool::Batch};
use crate::store::{self, UsageStore};

/// The most records of one statement.
const BATCH: usize = 1_000;

/// How long others may join a batch: with the store's own time, what a record is late by.
const GATHER: Duration = Duration::from_millis(20);

/// The longest wait before the second try; it doubles with each further one, up to the last. With the time that a try
/// takes, the store has the records within two seconds of its return.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

impl Ledger {
    /// Does so until it is told to stop. A batch that the store does not take is tried until it does: nothing is ever
    /// dropped.
    pub async fn write(self, store: Arc<dyn UsageStore>, stop: CancellationToken) {
        let carry = async {
            let mut buffer = Vec::new();
            let mut failing = false;
            loop {
                if let Err(error) = self.carry(&*store, &mut buffer).await {
                    if !failing {
                        failing = true;
                        tracing::error!(%error, "the spool's disk fails; usage records wait in it");
                    }
                    sleep(LONGEST_WAIT).await;
                    continue;
                }
                failing = false;
                self.0.stored.notify_waiters();
                self.0.recorded.notified().await;
                sleep(GATHER).await;
            }
        };
        stop.run_until_cancelled(carry).await;
    }

    /// Carries all that there is.
    async fn carry(&self, store: &dyn UsageStore, buffer: &mut Vec<u8>) -> std::io::Result<()> {
        while self.0.spool.depth().waiting > 0
            && let Some(batch) = self.0.spool.read(BATCH, buffer)?
        {
            self.put(store, &batch).await;
            if self.0.spool.advance(&batch)? {
                self.0.room.notify_waiters();
            }
        }
        Ok(())
    }

    async fn put(&self, store: &dyn UsageStore, batch: &Batch) {
        let mut wait = FIRST_WAIT;
        while let Err(error) = store.append_usage(&batch.records).await {
            self.note(Err(&error));
            sleep(rand::random_range(wait / 2..wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        self.note(Ok(()));
    }

    /// Only changes are logged.
    fn note(&self, result: Result<(), &store::Error>) {
        let was_storing = self.0.storing.swap(result.is_ok(), Ordering::Relaxed);
        match result {
            Err(error) if was_storing => {
                // Whoever waits for room waits in vain.
                self.0.room.notify_waiters();
                tracing::error!(%error, "usage records stay in the spool until the store takes them");
            }
            Ok(()) if !was_storing => tracing::info!("the store takes usage records again"),
            _ => {}
        }
    }
}
