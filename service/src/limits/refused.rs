use std::time::Duration;

use super::{
    Amount, Told,
    buckets::Taken,
    quota::{Balance, Quota, rest_of_the_day},
};
use crate::domain::Money;

/// A request is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refused {
    /// There were too many in the last minute.
    #[error(transparent)]
    TooOften(#[from] Exceeded),
    /// It could take more than is left of the day's quota.
    #[error(transparent)]
    TooMuch(#[from] OverQuota),
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

/// No less than a duration, in the whole seconds that HTTP tells times in.
pub fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
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
        Duration::from_secs(whole_seconds(self.next_in).max(1))
    }
}

/// A day's quota does not hold what a request can take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this can take up to {needed}, and {left} of the {quota} a day are left{}", self.remedy.words())]
pub struct OverQuota {
    /// What the request can take at most, with what it is counted in.
    pub needed: String,
    /// What is left.
    pub left: String,
    /// What the tier allows.
    pub quota: String,
    /// What helps.
    pub remedy: Remedy,
}

/// What helps against a quota that is too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// To wait for requests that are under way: what they have set aside would be enough.
    Moment,
    /// To wait for Redis: while it is lost a replica spends its part of what was left, and that is used up.
    Redis,
    /// To wait for the next day.
    NextDay,
    /// A smaller request, or another tier: a whole day's quota is too small for this one.
    Less,
}

/// When to ask again, where nobody knows how long it takes.
const MOMENT: Duration = Duration::from_secs(5);

impl Remedy {
    fn words(self) -> &'static str {
        match self {
            Self::Moment => "; requests that are under way have set aside the rest",
            Self::Redis => "; each replica counts alone for now, and this one's part is used up",
            Self::NextDay => "; the day ends at midnight UTC",
            Self::Less => "; ask for less, such as a shorter answer, or for another tier",
        }
    }

    /// When to come back; never for the same request, where only a smaller one helps.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Moment | Self::Redis => Some(MOMENT),
            Self::NextDay => Some(rest_of_the_day()),
            Self::Less => None,
        }
    }
}

impl OverQuota {
    pub(super) fn new(quota: Quota, needed: Amount, balance: Balance) -> Self {
        let Balance { spent, held, alone } = balance;
        let tokens = quota
            .tokens
            .map(|quota| (quota, needed.tokens, spent.tokens, held.tokens, "tokens"));
        let money = quota.money.map(|quota| {
            let [needed, spent, held] = [needed, spent, held].map(|amount| amount.money.millionths());
            (quota.millionths(), needed, spent, held, "money")
        });
        let exceeds = |(quota, needed, spent, held, _): &(u64, u64, u64, u64, _)| {
            spent.saturating_add(*held).saturating_add(*needed) > *quota
        };
        // While a replica counts alone its share may be used up before the whole is; then it is the first.
        let counts = || tokens.into_iter().chain(money);
        let over = counts().find(exceeds).or_else(|| counts().next());
        let (quota, needed, spent, held, what) = over.unwrap_or_default();
        let remedy = if needed > quota {
            Remedy::Less
        } else if spent.saturating_add(needed) > quota {
            Remedy::NextDay
        } else if alone {
            Remedy::Redis
        } else {
            Remedy::Moment
        };
        let shown = |number: u64| match what {
            "money" => Money::from_millionths(number).to_string(),
            what => format!("{number} {what}"),
        };
        Self {
            needed: shown(needed),
            left: shown(quota.saturating_sub(spent.saturating_add(held))),
            quota: shown(quota),
            remedy,
        }
    }
}
