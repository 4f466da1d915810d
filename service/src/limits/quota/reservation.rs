use std::sync::Arc;

use time::Date;
use uuid::Uuid;

use super::{Quotas, amount::Amount};
use crate::{
    domain::{ModelId, Usage},
    limits::{prices::Prices, subject::Subject},
};

/// Where something is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Redis(Uuid),
    Here,
}

/// What is set aside for a request. Dropped, it spends what is known of the request by then, and gives back the rest.
pub(in crate::limits) struct SetAside {
    quotas: Arc<Quotas>,
    pub(super) subject: Subject,
    pub(super) day: Date,
    pub(super) amount: Amount,
    pub(super) place: Place,
    so_far: Amount,
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
            so_far: Amount::default(),
            armed: true,
        }
    }

    /// Nothing was set aside after all.
    pub(super) fn disarm(&mut self) {
        self.armed = false;
    }

    async fn settle(mut self, spent: Amount) {
        // Until it is done this is what counts, should it be given up on the way.
        self.so_far = spent;
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
            so_far,
            ..
        } = *self;
        if place == Place::Here {
            self.quotas.settle_here(subject, day, amount, so_far);
        } else if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let quotas = Arc::clone(&self.quotas);
            runtime.spawn(async move { quotas.settle(subject, day, amount, place, so_far).await });
        }
    }
}

/// What a request may take, set aside until it is known what it did take. Where nothing is limited it holds nothing.
pub struct Reservation(Option<(SetAside, Prices)>);

impl Reservation {
    pub(in crate::limits) fn of(set_aside: SetAside, prices: Prices) -> Self {
        Self(Some((set_aside, prices)))
    }

    pub(in crate::limits) fn unlimited() -> Self {
        Self(None)
    }

    /// Whether it makes a difference what is told to it.
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// What counts if this is dropped: when a client goes away, and with it the calls that are under way. An estimate
    /// is never more than what was set aside.
    pub fn so_far<'a>(&mut self, calls: impl IntoIterator<Item = (&'a ModelId, Usage)>) {
        if let Some((set_aside, prices)) = &mut self.0 {
            set_aside.so_far = prices.amount(calls).at_most(set_aside.amount);
        }
    }

    /// Spends what the calls have taken.
    pub async fn settle<'a>(self, calls: impl IntoIterator<Item = (&'a ModelId, Usage)>) {
        if let Some((set_aside, prices)) = self.0 {
            let spent = prices.amount(calls);
            set_aside.settle(spent).await;
        }
    }
}
