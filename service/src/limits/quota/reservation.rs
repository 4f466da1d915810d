use std::sync::Arc;

use time::Date;
use tokio::{task::JoinHandle, time::Instant};
use uuid::Uuid;

use super::{Quotas, Settlement, amount::Amount};
use crate::{limits::subject::Subject, metering::Meter};

/// Where something is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Under this name, since then.
    Redis(Uuid, Instant),
    Here,
}

impl Place {
    /// In Redis, under a name of its own.
    pub(super) fn in_redis() -> Self {
        Self::Redis(Uuid::new_v4(), Instant::now())
    }
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
        self.disarm();
        // It goes on to its end also where nobody waits for it any more: given up halfway, it would have to be said
        // again, and might count twice.
        if let Some(settling) = self.settling(spent) {
            let _ = settling.await;
        }
    }

    /// Spends this, and gives back the rest; in the background, where others have to be told.
    fn settling(&self, spent: Amount) -> Option<JoinHandle<()>> {
        let Self {
            subject,
            day,
            amount,
            place,
            ..
        } = *self;
        let Place::Redis(id, since) = place else {
            self.quotas.settle_here(subject, day, amount, spent);
            return None;
        };
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let settlement = Settlement {
            subject,
            day,
            id,
            since,
            spent,
        };
        let quotas = Arc::clone(&self.quotas);
        Some(runtime.spawn(async move { quotas.settle(settlement).await }))
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        if self.armed {
            // What calls under way have taken is an estimate, which is never more than what was set aside.
            let so_far = self.quotas.amount(&self.meter).at_most(self.amount);
            drop(self.settling(so_far));
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
