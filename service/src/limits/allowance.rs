use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    Limits, Standing, Subject,
    buckets::Taken,
    policy::{Counted, Policy},
};
use crate::{
    auth::Principal,
    config::Tier,
    domain::{ApiKeyId, ClientNetwork, UserId},
};

/// Who makes a request, as far as limits go.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub(super) subject: Subject,
    pub(super) key: Option<ApiKeyId>,
}

impl Caller {
    /// A principal, and where they come from.
    pub fn new(principal: &Principal, network: ClientNetwork) -> Self {
        match principal {
            Principal::Anonymous => Self {
                subject: Subject::Anonymous(network),
                key: None,
            },
            Principal::User { user, .. } => Self {
                subject: Subject::User(*user),
                key: None,
            },
            Principal::Key { user, key, .. } => Self {
                subject: Subject::User(*user),
                key: Some(*key),
            },
        }
    }

    pub(super) fn user(&self) -> Option<UserId> {
        match self.subject {
            Subject::User(user) => Some(user),
            Subject::Anonymous(_) => None,
        }
    }
}

/// What a caller is told of the limits.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// How far they are from each that was looked at.
    pub standings: Vec<Standing>,
    /// Whether this replica counts alone, because Redis is lost.
    pub alone: bool,
}

impl From<Taken> for Told {
    fn from(taken: Taken) -> Self {
        Self {
            standings: taken.standings,
            alone: taken.alone,
        }
    }
}

/// A limit is reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{limit} {what} a minute are admitted; the next is possible in {} s", self.retry_after().as_secs())]
pub struct Exceeded {
    /// What is limited.
    pub what: &'static str,
    /// How many are admitted.
    pub limit: u64,
    /// When the next is.
    pub next_in: Duration,
    /// What else the caller is to know.
    pub told: Told,
}

impl Exceeded {
    pub(super) fn new(taken: Taken) -> Self {
        let last = taken.standings.iter().max_by_key(|standing| standing.next_in);
        Self {
            what: last.map_or("requests", |standing| standing.words),
            limit: last.map_or(0, |standing| standing.limit),
            next_in: last.map_or(Duration::ZERO, |standing| standing.next_in),
            told: taken.into(),
        }
    }

    /// When to come back, in whole seconds, at least one.
    pub fn retry_after(&self) -> Duration {
        let whole = self.next_in.as_secs() + u64::from(self.next_in.subsec_nanos() > 0);
        Duration::from_secs(whole.max(1))
    }
}

/// An admitted request. What it does beyond being one is counted here.
#[derive(Clone)]
pub struct Allowance(Arc<Granted>);

struct Granted {
    limits: Arc<Limits>,
    caller: Caller,
    tier: Tier,
    told: Mutex<Told>,
}

impl Allowance {
    pub(super) fn new(limits: Arc<Limits>, caller: Caller, tier: Tier, taken: Taken) -> Self {
        Self(Arc::new(Granted {
            limits,
            caller,
            tier,
            told: Mutex::new(taken.into()),
        }))
    }

    /// Counts a panel, or refuses it.
    pub async fn panel(&self) -> Result<(), Exceeded> {
        let Granted {
            limits, caller, tier, ..
        } = &*self.0;
        let policy = Policy::new(Counted::Panels, tier.panels_per_minute);
        let taken = limits.buckets.take(caller.subject, &[policy]).await;
        self.tell(&taken);
        if taken.admitted {
            Ok(())
        } else {
            Err(Exceeded::new(taken))
        }
    }

    /// What the caller is to know of the limits by now.
    pub fn told(&self) -> Told {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, taken: &Taken) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.alone |= taken.alone;
        told.standings.extend(&taken.standings);
    }
}
