use std::sync::Arc;

use time::Date;
use uuid::Uuid;

use super::{Quotas, amount::Amount};
use crate::{limits::subject::Subject, metering::Meter};

/// Where something is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Redis(Uuid),
    Here,
}

/// What is set aside for a request. Dropped, it spends what the request has taken by then, and gives back the rest.
pub(in crate::limits) struct SetAside {
    quotas: Arc<Quotas>,
    pub(super) subject: Subject,
    pub(super) day: Date,
    pub(super) amount: Amount,
    pub(super) place: Place,
    meter: Meter,
    armed: bool,
}

impl SetAside {
    pub(super) fn new(
        quotas: &Arc<Quotas>,
        subject: Subject,
        day: Date,
        amount: Amount,
        place: Place,
    ) -> Self {
        Self {
            quotas: Arc::clone(quotas),
            subject,
            day,
            amount,
            place,
            meter: Meter::default(),
            armed: true,
        }
    }

    /// Nothing was set aside after all.
    pub(super) fn disarm(&mut self) {
        self.armed = false;
    }

    async fn settle(mut self) {
        let spent = self.quotas.amount(&self.meter);
        let settled = self
            .quotas
            .settle(self.subject, self.day, self.amount, self.place, spent);
        settled.await;
        self.disarm();
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let Self {
            subject,
            day,
            amount,
            place,
            ..
        } = *self;
        // What calls under way have taken is an estimate, which is never more than what was set aside.
        let so_far = self.quotas.amount(&self.meter).at_most(amount);
        if place == Place::Here {
            self.quotas.settle_here(subject, day, amount, so_far);
        } else if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let quotas = Arc::clone(&self.quotas);
            runtime.spawn(async move { quotas.settle(subject, day, amount, place, so_far).await });
        }
    }
}

/// What a request may take, set aside until it is known what it did take. Where nothing is limited it holds nothing.
pub struct Reservation(Option<SetAside>);

impl Reservation {
    pub(in crate::limits) fn of(set_aside: SetAside) -> Self {
        Self(Some(set_aside))
    }

    /// Of what costs nothing, or is not limited.
    pub fn nothing() -> Self {
        Self(None)
    }

    /// From here on it is charged with the calls that count there, also where this is dropped: when a client goes away,
    /// and with it the calls that are under way.
    pub fn follow(&mut self, meter: &Meter) {
        if let Some(set_aside) = &mut self.0 {
            set_aside.meter = meter.clone();
        }
    }

    /// Spends what the calls have taken, and gives back the rest.
    pub async fn settle(self) {
        if let Some(set_aside) = self.0 {
            set_aside.settle().await;
        }
    }
}
