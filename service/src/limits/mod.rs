//! How often and how much everybody may ask. A request is counted where its principal becomes known, a panel where it
//! begins; all replicas count together in Redis, and each its share while that is lost (docs/adr/0010).

mod allowance;
mod bucket;
mod buckets;
mod local;
mod policy;
mod quota;
mod redis;
mod refused;
mod replicas;
mod subject;
mod tiers;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use moka::sync::Cache;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use allowance::{Allowance, Caller, Told};
pub use policy::Standing;
pub use quota::{Amount, Reservation, SpentToday};
pub use refused::{Exceeded, OverQuota, Refused, Remedy, whole_seconds};
pub use subject::Subject;
pub use tiers::TierOf;

use crate::{
    cache::redis::Connection,
    config::{self, Tier},
    domain::{ClientNetwork, Money, UserId},
    metering::Prices,
};
use bucket::WINDOW;
use buckets::Buckets;
use policy::{Counted, Policy};
use quota::Quotas;
use redis::Redis;
use replicas::Replicas;
use tiers::Tiers;

/// The most addresses that can be barred at once.
const MOST_BARRED: u64 = 100_000;

/// Where requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// In Redis, by all replicas together.
    Shared,
    /// In this process: there is no Redis.
    Alone,
    /// In this process, up to its share: Redis is lost.
    Share,
}

/// Everybody's limits.
pub struct Limits {
    buckets: Buckets,
    quotas: Arc<Quotas>,
    tiers: Tiers,
    redis: Option<Redis>,
    replicas: Arc<Replicas>,
    refused: Policy,
    barred: Cache<ClientNetwork, Instant>,
}

/// Who has which tier, and has used how much: what only the store knows.
pub struct Sources {
    /// Tiers of users.
    pub tier_of: Arc<dyn TierOf>,
    /// What accounts have used.
    pub spent_today: Arc<dyn SpentToday>,
}

/// What is left of a day's quota; nothing where nothing is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Tokens, of how many.
    pub tokens: Option<(u64, u64)>,
    /// Money, of how much.
    pub money: Option<(Money, Money)>,
    /// When the day ends.
    pub resets_in: Duration,
}

impl Limits {
    /// By these tiers and prices; together with other replicas where there is a Redis.
    pub fn new(
        config: &config::Limits,
        tiers: BTreeMap<String, Tier>,
        prices: Prices,
        sources: Sources,
        redis: Option<Connection>,
    ) -> Self {
        let redis = redis.map(Redis::new);
        let replicas = Arc::new(Replicas::new(config.replicas));
        Self {
            buckets: Buckets::new(redis.clone(), replicas.clone()),
            quotas: Quotas::new(redis.clone(), sources.spent_today, prices, replicas.clone()),
            replicas,
            tiers: Tiers::new(tiers, sources.tier_of),
            redis,
            refused: Policy::new(Counted::Refused, config.refused_per_address),
            barred: Cache::builder()
                .max_capacity(MOST_BARRED)
                .time_to_live(WINDOW)
                .build(),
        }
    }

    /// Tells the other replicas that this one is there, until it is told to stop.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        if let Some(redis) = &self.redis {
            self.replicas.keep(redis, stop).await;
        }
    }

    /// How many replicas share the limits, as far as this one knows.
    pub fn replicas(&self) -> u32 {
        self.replicas.count()
    }

    /// Counts a request, or refuses it.
    pub async fn admit(self: &Arc<Self>, caller: Caller) -> Result<Allowance, Exceeded> {
        let tier = self.tiers.of(caller.user()).await;
        let mut policies = vec![Policy::new(Counted::Requests, tier.requests_per_minute)];
        if let (Some(key), Some(limit)) = (caller.key, tier.requests_per_minute_per_key) {
            policies.push(Policy::new(Counted::Key(key), limit));
        }
        let taken = self.buckets.take(caller.subject, &policies).await;
        if taken.admitted {
            Ok(Allowance::new(Arc::clone(self), caller, tier, taken))
        } else {
            Err(Exceeded::new(taken))
        }
    }

    /// Refuses an address that has made too many requests without a valid credential. It costs a look into memory.
    pub fn refuse_barred(&self, network: ClientNetwork) -> Result<(), Exceeded> {
        let until = self.barred.get(&network);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match left.filter(|left| !left.is_zero()) {
            Some(left) => Err(self.exceeded_by_address(left)),
            None => Ok(()),
        }
    }

    /// Counts a request without a valid credential. The one that is too many bars its address for as long as it
    /// takes until the next is admitted.
    pub async fn count_refused(&self, network: ClientNetwork) -> Result<(), Exceeded> {
        let taken = self
            .buckets
            .take(Subject::Anonymous(network), &[self.refused])
            .await;
        if taken.admitted {
            return Ok(());
        }
        let exceeded = Exceeded::new(taken);
        self.barred.insert(network, Instant::now() + exceeded.next_in);
        // A stranger is told nothing but when to come back.
        Err(self.exceeded_by_address(exceeded.next_in))
    }

    /// What is left of a caller's day.
    pub async fn left(&self, caller: Caller) -> Left {
        let tier = self.tiers.of(caller.user()).await;
        let balance = self.quotas.look(caller.subject).await;
        let used = balance.spent + balance.held;
        Left {
            tokens: tier
                .tokens_per_day
                .map(|most| (most.saturating_sub(used.tokens), most)),
            money: tier.money_per_day.map(|most| {
                let left = most.millionths().saturating_sub(used.money.millionths());
                (Money::from_millionths(left), most)
            }),
            resets_in: quota::rest_of_the_day(),
        }
    }

    /// The names of all tiers.
    pub fn tiers(&self) -> impl Iterator<Item = &str> {
        self.tiers.names()
    }

    /// From the next request on, a user's tier is the one that the store says.
    pub async fn user_changed(&self, user: UserId) {
        self.tiers.forget(user).await;
    }

    /// Where requests are counted now.
    pub fn status(&self) -> Status {
        match &self.redis {
            None => Status::Alone,
            Some(redis) if redis.is_lost() => Status::Share,
            Some(_) => Status::Shared,
        }
    }

    fn exceeded_by_address(&self, next_in: Duration) -> Exceeded {
        Exceeded {
            what: self.refused.counted.words(),
            limit: self.refused.limit.into(),
            next_in,
            told: Told::default(),
        }
    }
}
