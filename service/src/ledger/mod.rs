//! What every request used, and what that costs. A record is in a file before the answer's last byte is out, and in the
//! store soon after: exactly once, whatever is killed meanwhile (docs/adr/0009).
//!
//! A request [`begin`](Ledger::begin)s an [`Entry`] and finishes it. Both are lines of the `spool`, whose segments a
//! `writer` carries to the store and a `syncer` makes safe against a loss of power.

mod entry;
mod error;
mod frame;
mod housekeeping;
mod line;
mod segment;
mod spool;
mod syncer;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use time::OffsetDateTime;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

pub use entry::Entry;
pub use error::{Error, Full, NotRecorded};
pub use housekeeping::keep_house;

use crate::{
    config,
    domain::{Account, AnalysisId, ApiKeyId, Operation},
    metering::Prices,
};
use entry::Open;
use line::Begin;
use spool::Spool;

/// How long a request waits for room while the store takes records, only more slowly than they come.
const PATIENCE: Duration = Duration::from_millis(500);

/// The name of the spool's folder in the service's.
const FOLDER: &str = "spool";

/// Who asks, and for what: what is known of a request before its work begins.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who pays.
    pub account: Account,
    /// The key that was used, where one was.
    pub key: Option<ApiKeyId>,
    /// What is asked for.
    pub operation: Operation,
    /// The analysis that is to come of it.
    pub analysis: Option<AnalysisId>,
}

/// The ledger's state, for the health report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Records that are not in the store yet.
    pub waiting: u64,
    /// Requests that are under way.
    pub open: u64,
    /// The disk space that the spool takes.
    pub bytes: u64,
    /// The most that it may take.
    pub limit: u64,
    /// Whether there is no room for the record of another request.
    pub full: bool,
    /// Whether the spool's disk did not take the last record.
    pub failing: bool,
    /// Whether the store took the last batch.
    pub storing: bool,
    /// Requests that were refused, because there was no room for their record.
    pub refused: u64,
}

/// Keeps the records. Clones are one ledger.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

struct Inner {
    spool: Spool,
    prices: Prices,
    storing: AtomicBool,
    refused: AtomicU64,
    /// Told when a record has to go to the store.
    recorded: Notify,
    /// Told when bytes have to go to the disk.
    written: Notify,
    /// Told when there is room again.
    room: Notify,
    /// Told when all records are in the store.
    stored: Notify,
}

impl Ledger {
    /// Opens the spool in the service's folder, and takes up what an earlier process left there. Only one process can
    /// have it.
    pub fn open(data_dir: &Path, config: &config::Ledger, prices: Prices) -> Result<Self, Error> {
        let spool = Spool::open(&data_dir.join(FOLDER), config.spool_size)?;
        Ok(Self(Arc::new(Inner {
            spool,
            prices,
            storing: AtomicBool::new(true),
            refused: AtomicU64::new(0),
            recorded: Notify::new(),
            written: Notify::new(),
            room: Notify::new(),
            stored: Notify::new(),
        })))
    }

    /// Begins an entry, with room for its end. Where there is none, the request must not begin either.
    pub async fn begin(&self, request: Request) -> Result<Entry, Full> {
        let begin = Begin {
            id: Uuid::now_v7(),
            occurred_at: OffsetDateTime::now_utc(),
            request,
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut room = std::pin::pin!(self.0.room.notified());
            // Listening begins here, so that no room is missed that is made between the try and the wait.
            room.as_mut().enable();
            match self.try_begin(&begin) {
                Ok(entry) => return Ok(entry),
                Err(Full) if !self.0.storing.load(Ordering::Relaxed) => break,
                Err(Full) => {}
            }
            if timeout_at(deadline, room).await.is_err() {
                break;
            }
        }
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        Err(Full)
    }

    fn try_begin(&self, begin: &Begin) -> Result<Entry, Full> {
        let open = Arc::new(Open::new(begin.clone()));
        self.0.spool.begin(&open)?;
        self.0.written.notify_one();
        Ok(Entry::new(Arc::clone(&self.0), open))
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let depth = self.0.spool.depth();
        Status {
            waiting: depth.waiting,
            open: depth.open,
            bytes: depth.bytes,
            limit: depth.limit,
            full: depth.is_full,
            failing: depth.is_failing,
            storing: self.0.storing.load(Ordering::Relaxed),
            refused: self.0.refused.load(Ordering::Relaxed),
        }
    }

    /// Ends it: what is still open is cancelled, and what is recorded goes to the store, as far as that is possible
    /// until the deadline. What is left stays in the spool, for the next process.
    pub async fn close(&self, deadline: Instant) {
        self.0.spool.close(&self.0.prices);
        self.0.recorded.notify_one();
        let empty = async {
            loop {
                let mut stored = std::pin::pin!(self.0.stored.notified());
                stored.as_mut().enable();
                if self.0.spool.depth().waiting == 0 {
                    return;
                }
                stored.await;
            }
        };
        if timeout_at(deadline, empty).await.is_err() {
            let waiting = self.0.spool.depth().waiting;
            tracing::warn!(
                records = waiting,
                "the store did not take all usage records in time; they stay in the spool"
            );
        }
        self.0.spool.release();
    }
}

#[cfg(test)]
mod tests;
