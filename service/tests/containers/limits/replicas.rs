//! Replicas as far as limits go, without HTTP.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use ultra_service::{
    auth::Principal,
    cache::redis::Connection,
    config::{Config, Tier},
    domain::{Account, ApiKeyId, ClientNetwork, ModelId, Role, Usage, UserId},
    limits::{Allowance, Amount, Caller, Limits, Reservation, Sources, SpentToday, Status, TierOf},
    metering::Meter,
    store,
};

/// What the store says: everybody is free, and has used this much.
#[derive(Default)]
pub(super) struct Store {
    pub(super) spent: Mutex<Option<Amount>>,
}

impl Store {
    pub(super) fn with(tokens: u64) -> Arc<Self> {
        let store = Arc::new(Self::default());
        store.set(tokens);
        store
    }

    pub(super) fn set(&self, tokens: u64) {
        *self.spent.lock().unwrap() = Some(Amount {
            tokens,
            ..Amount::default()
        });
    }
}

#[async_trait]
impl TierOf for Store {
    async fn tier_of(&self, _: UserId) -> Result<Option<String>, store::Error> {
        Ok(Some("free".to_owned()))
    }
}

#[async_trait]
impl SpentToday for Store {
    async fn spent(&self, _: Account, _: time::Date) -> Result<Amount, store::Error> {
        self.spent.lock().unwrap().ok_or(store::Error::Timeout)
    }
}

/// So many replicas with such a tier for everybody.
pub(super) struct Replicas(pub(super) Vec<Arc<Limits>>);

/// A Redis that failed would be made up for by each replica's own count, which is not what its tests are about.
impl Drop for Replicas {
    fn drop(&mut self) {
        let status = self.0.iter().map(|limits| limits.status());
        let lost = status.filter(|status| *status == Status::Share).count();
        assert!(
            lost == 0 || std::thread::panicking(),
            "{lost} replicas have lost their Redis"
        );
    }
}

impl Replicas {
    pub(super) fn new(redis: Option<&str>, replicas: usize, tier: Tier) -> Self {
        Self::over(&Store::with(0), redis, replicas, tier)
    }

    pub(super) fn over(store: &Arc<Store>, redis: Option<&str>, replicas: usize, tier: Tier) -> Self {
        // A busy machine is no outage.
        Self::with_timeout("10s", store, redis, replicas, tier)
    }

    /// Replicas that find out soon that their Redis is lost.
    pub(super) fn impatient(redis: &str, replicas: usize, tier: Tier) -> Self {
        Self::with_timeout("250ms", &Store::with(0), Some(redis), replicas, tier)
    }

    fn with_timeout(
        timeout: &str,
        store: &Arc<Store>,
        redis: Option<&str>,
        replicas: usize,
        tier: Tier,
    ) -> Self {
        let count = replicas.to_string();
        let vars = [
            ("ULTRA_LIMITS_REPLICAS", count.as_str()),
            ("ULTRA_LIMITS_REFUSED_PER_ADDRESS", "3"),
            ("ULTRA_CACHE_RESPONSE_TIMEOUT", timeout),
        ];
        let vars = vars.into_iter().chain(redis.map(|url| ("REDIS_URL", url)));
        let config = Config::from_env(vars.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        let build = |_| {
            let url = config.cache.redis_url.as_ref();
            let redis = url.map(|url| {
                let connection = Connection::new(url, &config.cache).unwrap();
                tokio::spawn(connection.clone().keep(CancellationToken::new()));
                connection
            });
            let tiers = BTreeMap::from([("free".to_owned(), tier)]);
            let price = serde_json::from_str(r#"{"inputPerMillion": "1", "outputPerMillion": "2"}"#).unwrap();
            let prices = BTreeMap::from([(model(), price)]).into();
            let sources = Sources {
                tier_of: store.clone(),
                spent_today: store.clone(),
            };
            Arc::new(Limits::new(&config.limits, tiers, prices, sources, redis))
        };
        Self((0..replicas).map(build).collect())
    }

    pub(super) async fn admits(&self, caller: Caller) -> bool {
        self.0[0].admit(caller).await.is_ok()
    }

    /// An admitted request on one of the replicas.
    pub(super) async fn admitted(&self, replica: usize, caller: Caller) -> Allowance {
        self.0[replica % self.0.len()].admit(caller).await.ok().unwrap()
    }

    /// How many of so many parallel requests are admitted, by all replicas together, and how long it took.
    pub(super) async fn admit_at_once(&self, requests: usize, caller: Caller) -> (usize, Duration) {
        let started = Instant::now();
        let asked = (0..requests).map(|request| self.0[request % self.0.len()].admit(caller));
        let admitted = join_all(asked).await.into_iter().filter(Result::is_ok).count();
        (admitted, started.elapsed())
    }
}

pub(super) fn tier(requests_per_minute: u32) -> Tier {
    Tier {
        requests_per_minute,
        ..Tier::FREE
    }
}

pub(super) fn user() -> Caller {
    key(UserId::generate())
}

pub(super) fn key(user: UserId) -> Caller {
    let principal = Principal::Key {
        user,
        key: ApiKeyId::generate(),
        role: Role::User,
        scopes: "inference".parse().unwrap(),
    };
    Caller::new(&principal, address(1))
}

pub(super) fn anonymous(last: u8) -> Caller {
    Caller::new(&Principal::Anonymous, address(last))
}

pub(super) fn address(last: u8) -> ClientNetwork {
    IpAddr::from(Ipv4Addr::new(192, 0, 2, last)).into()
}

/// The model that every reservation is for.
pub(super) fn model() -> ModelId {
    "mock/priced".parse().unwrap()
}

/// A meter of one call that took so much.
pub(super) fn taken(usage: Usage) -> Meter {
    Meter::from_iter([(model(), usage)])
}

pub(super) async fn settle(mut reservation: Reservation, usage: Usage) {
    reservation.follow(&taken(usage));
    reservation.settle().await;
}
