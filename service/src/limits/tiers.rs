use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use moka::future::Cache;
use tokio::time::{Instant, timeout};

use crate::{config::Tier, domain::UserId, store};

/// The tier of whoever has no other: people without a name, and users of whom nothing is known.
const FREE: &str = "free";

/// How long it may take until a user's new tier applies everywhere.
const FRESH: Duration = Duration::from_secs(60);

/// How long a user whose tier could not be found out is taken for a free one, before the next try.
const RETRY: Duration = Duration::from_secs(5);

/// How long a request waits to learn its user's tier. After that it is a free one's.
const PATIENCE: Duration = Duration::from_millis(250);

/// The most users whose tier is known at once.
const MOST_KNOWN: u64 = 100_000;

/// Knows the tiers of users.
#[async_trait]
pub trait TierOf: Send + Sync {
    /// The name of a user's tier; `None`: there is no such user.
    async fn tier_of(&self, user: UserId) -> Result<Option<String>, store::Error>;
}

/// The tiers that there are, and who has which. A request waits for it once: a tier that was known for a while is
/// looked up again behind its back.
#[derive(Clone)]
pub(super) struct Tiers {
    named: Arc<BTreeMap<String, Tier>>,
    free: Tier,
    source: Arc<dyn TierOf>,
    known: Cache<UserId, Known>,
}

#[derive(Clone, Copy)]
struct Known {
    tier: Tier,
    until: Instant,
}

impl Tiers {
    pub(super) fn new(named: BTreeMap<String, Tier>, source: Arc<dyn TierOf>) -> Self {
        Self {
            free: named.get(FREE).copied().unwrap_or(Tier::FREE),
            named: Arc::new(named),
            source,
            known: Cache::new(MOST_KNOWN),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// The tier of a user, or of somebody without a name.
    pub(super) async fn of(&self, user: Option<UserId>) -> Tier {
        let Some(user) = user else { return self.free };
        let Some(known) = self.known.get(&user).await else {
            return self.look_up(user, self.free).await;
        };
        if known.until <= Instant::now() {
            // Nobody else looks meanwhile.
            self.remember(user, known.tier, RETRY).await;
            let this = self.clone();
            tokio::spawn(async move { this.look_up(user, known.tier).await });
        }
        known.tier
    }

    /// The next request of this user looks the tier up.
    pub(super) async fn forget(&self, user: UserId) {
        self.known.invalidate(&user).await;
    }

    async fn look_up(&self, user: UserId, otherwise: Tier) -> Tier {
        let (tier, known_for) = match timeout(PATIENCE, self.source.tier_of(user)).await {
            Ok(Ok(name)) => (self.named(name.as_deref()), FRESH),
            Ok(Err(error)) => {
                tracing::debug!(%error, %user, "limits: a user's tier is not known for now");
                (otherwise, RETRY)
            }
            Err(_) => (otherwise, RETRY),
        };
        self.remember(user, tier, known_for).await;
        tier
    }

    async fn remember(&self, user: UserId, tier: Tier, known_for: Duration) {
        let until = Instant::now() + known_for;
        self.known.insert(user, Known { tier, until }).await;
    }

    fn named(&self, name: Option<&str>) -> Tier {
        let name = name.unwrap_or(FREE);
        self.named.get(name).copied().unwrap_or_else(|| {
            tracing::warn!(
                tier = name,
                "limits: there is no such tier; it is taken for the free one"
            );
            self.free
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What is known of the one user, and how often it was asked for.
    struct One(Mutex<(Option<&'static str>, usize)>);

    #[async_trait]
    impl TierOf for One {
        async fn tier_of(&self, _: UserId) -> Result<Option<String>, store::Error> {
            let mut inner = self.0.lock().unwrap();
            inner.1 += 1;
            inner
                .0
                .map(|name| Some(name.to_owned()))
                .ok_or(store::Error::Timeout)
        }
    }

    fn tiers(name: Option<&'static str>) -> (Tiers, Arc<One>) {
        let config = crate::config::Config::from_env([]).unwrap();
        let source = Arc::new(One(Mutex::new((name, 0))));
        (Tiers::new(config.tiers, source.clone()), source)
    }

    async fn settled(tiers: &Tiers, user: UserId) -> u32 {
        tiers.of(Some(user)).await;
        // What was begun behind the request's back is done before the next of these.
        tokio::time::sleep(Duration::from_millis(1)).await;
        tiers.of(Some(user)).await.requests_per_minute
    }

    #[tokio::test(start_paused = true)]
    async fn a_tier_is_looked_up_once_a_minute_and_kept_while_the_store_is_away() {
        let (tiers, source) = tiers(Some("basic"));
        let user = UserId::generate();
        for _ in 0..100 {
            assert_eq!(tiers.of(Some(user)).await.requests_per_minute, 300);
        }
        assert_eq!(source.0.lock().unwrap().1, 1);
        source.0.lock().unwrap().0 = Some("premium");
        tokio::time::advance(FRESH).await;
        assert_eq!(settled(&tiers, user).await, 1_000);
        source.0.lock().unwrap().0 = None;
        tokio::time::advance(FRESH * 100).await;
        assert_eq!(settled(&tiers, user).await, 1_000);
        source.0.lock().unwrap().0 = Some("enterprise");
        tiers.forget(user).await;
        assert_eq!(tiers.of(Some(user)).await.requests_per_minute, 5_000);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_known_is_a_free_one_until_the_store_says_otherwise() {
        let (tiers, source) = tiers(None);
        let user = UserId::generate();
        assert_eq!(tiers.of(None).await.requests_per_minute, 60);
        assert_eq!(tiers.of(Some(user)).await.requests_per_minute, 60);
        source.0.lock().unwrap().0 = Some("basic");
        assert_eq!(tiers.of(Some(user)).await.requests_per_minute, 60);
        tokio::time::advance(RETRY).await;
        assert_eq!(settled(&tiers, user).await, 300);
        source.0.lock().unwrap().0 = Some("abolished");
        tiers.forget(user).await;
        assert_eq!(tiers.of(Some(user)).await.requests_per_minute, 60);
    }
}
