use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::{Inner, NotRecorded, line::Begin};
use crate::{
    domain::{Money, Outcome, Usage},
    metering::{Meter, Prices},
    store::UsageRecord,
};

/// A request that is under way. One that is dropped was cancelled.
#[must_use = "a request that is not held is cancelled"]
pub struct Entry {
    ledger: Arc<Inner>,
    open: Arc<Open>,
    is_over: bool,
}

/// What is known of a request so far.
pub(super) struct Open {
    pub(super) begin: Begin,
    meter: Meter,
    cached: AtomicBool,
    /// The segment that its beginning lies in.
    segment: AtomicU64,
}

impl Entry {
    pub(super) fn new(ledger: Arc<Inner>, open: Arc<Open>) -> Self {
        Self {
            ledger,
            open,
            is_over: false,
        }
    }

    /// What counts for this request.
    pub fn meter(&self) -> &Meter {
        self.open.meter()
    }

    /// What its calls have taken so far, and what that costs.
    pub fn taken(&self) -> (Usage, Money) {
        self.open.meter.taken(&self.ledger.prices)
    }

    /// Notes that the answer is a remembered one.
    pub fn set_cached(&self) {
        self.open.cached.store(true, Ordering::Relaxed);
    }

    /// Ends it. Only then may the answer's last byte go out: the record survives the process from here on.
    pub fn finish(mut self, outcome: Outcome) -> Result<(), NotRecorded> {
        self.end(outcome)
    }

    fn end(&mut self, outcome: Outcome) -> Result<(), NotRecorded> {
        self.is_over = true;
        let record = self.open.record(&self.ledger.prices, outcome);
        let ended = self.ledger.spool.end(&self.open, &record);
        self.ledger.recorded.notify_one();
        self.ledger.written.notify_one();
        ended
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.is_over {
            // Whoever asked is gone: there is nobody left to tell, and the spool has told the log.
            let _ = self.end(Outcome::Cancelled);
        }
    }
}

impl Open {
    pub(super) fn new(begin: Begin) -> Self {
        Self {
            begin,
            meter: Meter::default(),
            cached: AtomicBool::new(false),
            segment: AtomicU64::new(0),
        }
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The record of all that is known, where it ends so.
    pub(super) fn record(&self, prices: &Prices, outcome: Outcome) -> UsageRecord {
        let (usage, cost) = self.meter.taken(prices);
        self.begin
            .end(usage, cost, outcome, self.cached.load(Ordering::Relaxed))
    }

    pub(super) fn segment(&self) -> u64 {
        self.segment.load(Ordering::Relaxed)
    }

    pub(super) fn lies_in(&self, segment: u64) {
        self.segment.store(segment, Ordering::Relaxed);
    }
}
