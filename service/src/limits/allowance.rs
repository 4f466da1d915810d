use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Exceeded, Left, Limits, OverQuota, Refused, Reservation, Standing, Subject,
    buckets::Taken,
    policy::{Counted, Policy},
    quota::Quota,
};
use crate::{
    auth::Principal,
    config::Tier,
    domain::{ApiKeyId, ClientNetwork, ModelId, Usage, UserId},
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

    /// Counts a panel, and sets aside what it can take at most.
    pub async fn panel(
        &self,
        worst_case: impl FnOnce() -> Vec<(ModelId, Usage)>,
    ) -> Result<Reservation, Refused> {
        let Granted {
            limits, caller, tier, ..
        } = &*self.0;
        let policy = Policy::new(Counted::Panels, tier.panels_per_minute);
        let taken = limits.buckets.take(caller.subject, &[policy]).await;
        self.tell(&taken.standings, taken.alone);
        if !taken.admitted {
            return Err(Exceeded::new(taken).into());
        }
        self.reserve(worst_case).await
    }

    /// Sets aside what a call of one model can take at most.
    pub async fn call(&self, model: &ModelId, worst_case: Usage) -> Result<Reservation, Refused> {
        self.reserve(|| vec![(model.clone(), worst_case)]).await
    }

    /// Whether what the caller uses is counted against a daily quota.
    pub fn has_quota(&self) -> bool {
        !self.quota().is_none()
    }

    fn quota(&self) -> Quota {
        let tier = &self.0.tier;
        Quota {
            tokens: tier.tokens_per_day,
            money: tier.money_per_day,
        }
    }

    async fn reserve(
        &self,
        worst_case: impl FnOnce() -> Vec<(ModelId, Usage)>,
    ) -> Result<Reservation, Refused> {
        let Granted { limits, caller, .. } = &*self.0;
        let quota = self.quota();
        if quota.is_none() {
            return Ok(Reservation::nothing());
        }
        let needed = limits.quotas.amount(&worst_case().into_iter().collect());
        let (set_aside, balance) = limits.quotas.reserve(caller.subject, quota, needed).await;
        self.tell(&quota.standings(balance), balance.alone);
        match set_aside {
            Some(set_aside) => Ok(Reservation::of(set_aside)),
            None => Err(OverQuota::new(quota, needed, balance).into()),
        }
    }

    /// What is left of the caller's day.
    pub async fn left(&self) -> Left {
        self.0.limits.left(self.0.caller).await
    }

    /// What the caller is to know of the limits by now.
    pub fn told(&self) -> Told {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, standings: &[Standing], alone: bool) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.alone |= alone;
        told.standings.extend(standings);
    }
}
