//! A request's record in the ledger and its part of the day's quota, both by what its calls take.

use std::sync::Arc;

use crate::{
    domain::{ModelId, Outcome},
    ledger::{self, Entry, Full, Ledger, NotRecorded},
    limits::Reservation,
    llm::Provider,
    metering::Call,
};

/// What a request under way is charged with. One that is dropped was cancelled, and pays for what was taken by then.
#[must_use = "a request that is not held is cancelled"]
pub struct Bill {
    entry: Entry,
    reservation: Reservation,
}

impl Bill {
    /// Begins one. Where there is no room for its record, the request must not begin either.
    pub async fn open(
        ledger: &Ledger,
        request: ledger::Request,
        mut reservation: Reservation,
    ) -> Result<Self, Full> {
        let entry = ledger.begin(request).await?;
        reservation.follow(entry.meter());
        Ok(Self { entry, reservation })
    }

    /// The same models, where each call is charged.
    pub fn metering(&self, provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
        self.entry.meter().metering(provider)
    }

    /// Begins a call of a model that is asked past [`Bill::metering`], and is sent so many bytes.
    pub fn call(&self, model: ModelId, read: usize) -> Call {
        self.entry.meter().call(model, read)
    }

    /// Notes that the answer is a remembered one.
    pub fn set_cached(&self) {
        self.entry.set_cached();
    }

    /// Ends it. Only then may the answer's last byte go out: record and charge survive the process from here on.
    pub async fn finish(self, outcome: Outcome) -> Result<(), NotRecorded> {
        let recorded = self.entry.finish(outcome);
        self.reservation.settle().await;
        recorded
    }
}
