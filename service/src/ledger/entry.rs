use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::{Inner, NotRecorded, Prices, line::Begin, metered::Metered};
use crate::{
    domain::{ModelId, Money, Outcome, Usage},
    llm::Provider,
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
    calls: Mutex<Vec<Call>>,
    cached: AtomicBool,
    /// The segment that its beginning lies in.
    segment: AtomicU64,
}

/// A model that was asked, and what that has taken so far.
struct Call {
    model: ModelId,
    usage: Usage,
}

impl Entry {
    pub(super) fn new(ledger: Arc<Inner>, open: Arc<Open>) -> Self {
        Self {
            ledger,
            open,
            is_over: false,
        }
    }

    /// The same models, where each call counts for this request.
    pub fn metering(&self, provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
        Arc::new(Metered::new(provider, Arc::clone(&self.open)))
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
            calls: Mutex::default(),
            cached: AtomicBool::new(false),
            segment: AtomicU64::new(0),
        }
    }

    /// Notes that a model is being asked. The number names the call from here on.
    pub(super) fn asked(&self, model: ModelId, usage: Usage) -> usize {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(Call { model, usage });
        calls.len() - 1
    }

    /// Notes what a call has taken so far.
    pub(super) fn took(&self, call: usize, usage: Usage) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get_mut(call) {
            call.usage = usage;
        }
    }

    /// The record of all that is known, where it ends so.
    pub(super) fn record(&self, prices: &Prices, outcome: Outcome) -> UsageRecord {
        let (mut usage, mut cost) = (Usage::default(), Money::default());
        for call in &*self.calls.lock().unwrap_or_else(PoisonError::into_inner) {
            usage += call.usage;
            cost += prices.cost(&call.model, call.usage);
        }
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
