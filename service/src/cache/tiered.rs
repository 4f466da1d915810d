use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::{
    Claimed, Cleared, Error, Key, Memory, MemoryStats, RemoteCache, RemoteStats, Stats, Tier,
    lanes::{Lanes, Place},
    stats::{Counters, count, read},
};

/// How long a claim lasts after its owner was last heard of: as long as equal requests wait for a replica that died.
const CLAIM: Duration = Duration::from_secs(5);

/// How often an owner is heard of.
const PROLONG: Duration = Duration::from_secs(2);

/// How often an answer is looked for that another replica is working out.
const LOOK: Duration = Duration::from_millis(200);

/// A value and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What was remembered.
    pub value: Vec<u8>,
    /// By which cache.
    pub tier: Tier,
}

/// What came of looking for an answer.
pub enum Lookup {
    /// It is remembered.
    Hit(Hit),
    /// The caller has to work it out.
    Miss(Flight),
}

/// The caller's part in working an answer out. Others may wait for it: dropped without a word, it lets the next one of
/// them work.
pub struct Flight {
    cache: Tiered,
    key: Key,
    place: Place,
    claim: Option<Claim>,
}

/// What tells the other replicas that the answer is being worked out here. It is prolonged in the background, and taken
/// back when it is dropped.
struct Claim(#[expect(dead_code, reason = "its drop ends the claim")] DropGuard);

/// The remote cache where there is one, and the one in the process while it is lost.
#[derive(Clone)]
pub struct Tiered {
    remote: Option<Arc<dyn RemoteCache>>,
    memory: Memory,
    lanes: Lanes,
    counters: Arc<Counters>,
    /// Whether the process remembers what belongs into the remote cache.
    stands_in: Arc<AtomicBool>,
}

impl Tiered {
    /// Without a remote cache, the one in the process is all there is.
    pub fn new(remote: Option<Arc<dyn RemoteCache>>, memory: Memory) -> Self {
        Self {
            remote,
            memory,
            lanes: Lanes::default(),
            counters: Arc::default(),
            stands_in: Arc::default(),
        }
    }

    /// Gives the leave to work out an answer that [`find`](Self::find) has not found. Where an equal request is working
    /// it out, here or on another replica, waits for that, but not longer than this.
    pub async fn look_up(&self, key: &Key, patience: Duration) -> Lookup {
        let deadline = Instant::now() + patience;
        let place = self.lanes.enter(key, patience).await;
        // It may have come since; to look costs nothing in the process, and is part of the claim elsewhere.
        if (place.has_waited() || self.remote.is_none())
            && let Some(hit) = self.get(key).await
        {
            return self.hit(hit, place.has_waited());
        }
        let mut claim = None;
        if let Some(remote) = self.remote.as_ref().filter(|_| place.leads()) {
            claim = match self.claim(remote, key, deadline).await {
                Leave::Needless { hit, waited } => return self.hit(hit, waited || place.has_waited()),
                Leave::Claimed(claim) => Some(claim),
                Leave::Unclaimed => None,
            };
        }
        count(&self.counters.misses);
        Lookup::Miss(Flight {
            cache: self.clone(),
            key: key.clone(),
            place,
            claim,
        })
    }

    /// What is remembered under the key, counted as a hit.
    pub async fn find(&self, key: &Key) -> Option<Hit> {
        let hit = self.get(key).await?;
        self.counters.hit(hit.tier);
        Some(hit)
    }

    /// What is remembered under the key.
    pub async fn get(&self, key: &Key) -> Option<Hit> {
        let mut is_back = false;
        if let Some(remote) = &self.remote {
            match remote.get(key).await {
                Ok(Some(value)) => {
                    return Some(Hit {
                        value,
                        tier: Tier::Redis,
                    });
                }
                Ok(None) if !self.stands_in.load(Ordering::Relaxed) => return None,
                Ok(None) => is_back = true,
                Err(_) => count(&self.counters.errors),
            }
        }
        let (value, ttl) = self.memory.get(key).await?;
        if is_back {
            self.set(key, &value, ttl).await;
        }
        Some(Hit {
            value,
            tier: Tier::Memory,
        })
    }

    /// Remembers the value for a while.
    pub async fn set(&self, key: &Key, value: &[u8], ttl: Duration) {
        if let Some(remote) = &self.remote {
            match remote.set(key, value, ttl).await {
                Ok(()) => return self.hand_back().await,
                Err(error) => self.stand_in(&error),
            }
        }
        self.memory.set(key, value, ttl).await;
    }

    /// Forgets everything, in this process and in the remote cache.
    pub async fn clear(&self) -> Result<Cleared, Error> {
        let memory = self.memory.clear().await;
        let redis = match &self.remote {
            Some(remote) => Some(remote.clear().await?),
            None => None,
        };
        Ok(Cleared { memory, redis })
    }

    /// What this replica knows by itself, from memory.
    pub fn stats(&self) -> Stats {
        Stats {
            memory: MemoryStats {
                size: self.memory.size(),
                hits: read(&self.counters.memory_hits),
            },
            redis: self.remote.as_ref().map(|remote| RemoteStats {
                breaker: remote.breaker(),
                hits: read(&self.counters.redis_hits),
                errors: read(&self.counters.errors),
                size: None,
            }),
            misses: read(&self.counters.misses),
            joined: read(&self.counters.joined),
        }
    }

    /// The same, and what the remote cache says of itself.
    pub async fn full_stats(&self) -> Stats {
        self.memory.settle().await;
        let mut stats = self.stats();
        if let (Some(remote), Some(redis)) = (&self.remote, &mut stats.redis) {
            redis.size = remote.size().await.ok();
        }
        stats
    }

    fn hit(&self, hit: Hit, waited: bool) -> Lookup {
        if waited {
            count(&self.counters.joined);
        }
        self.counters.hit(hit.tier);
        Lookup::Hit(hit)
    }

    /// The remote cache does not remember.
    fn stand_in(&self, error: &Error) {
        count(&self.counters.errors);
        if !self.stands_in.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "the cache in the process stands in");
        }
    }

    /// The remote cache remembers again. What the process has remembered in its place would be served in the next
    /// outage, however old it is by then, and however often the cache was cleared by other replicas.
    async fn hand_back(&self) {
        if self.stands_in.load(Ordering::Relaxed) && self.stands_in.swap(false, Ordering::Relaxed) {
            tracing::info!("the cache is handed back");
            self.memory.clear().await;
        }
    }

    /// Claims the key among the replicas, or waits for the one that has.
    async fn claim(&self, remote: &Arc<dyn RemoteCache>, key: &Key, deadline: Instant) -> Leave {
        let owner = Uuid::new_v4().to_string();
        let mut waited = false;
        loop {
            match remote.claim(key, &owner, CLAIM).await {
                Ok(Claimed::Here) => return Leave::Claimed(Claim::keep(remote.clone(), key.clone(), owner)),
                Ok(Claimed::Known(value)) => {
                    let tier = Tier::Redis;
                    let hit = Hit { value, tier };
                    return Leave::Needless { hit, waited };
                }
                Ok(Claimed::Elsewhere) if Instant::now() + LOOK < deadline => {}
                // Lost, or out of patience: answers are more important than that there is one only.
                Ok(Claimed::Elsewhere) | Err(_) => return Leave::Unclaimed,
            }
            sleep(LOOK).await;
            waited = true;
        }
    }
}

/// Whether the caller may work an answer out.
enum Leave {
    /// It may, and the other replicas know.
    Claimed(Claim),
    /// It may, and nobody knows.
    Unclaimed,
    /// There is one.
    Needless { hit: Hit, waited: bool },
}

impl Claim {
    fn keep(remote: Arc<dyn RemoteCache>, key: Key, owner: String) -> Self {
        let done = CancellationToken::new();
        let guard = done.clone().drop_guard();
        tokio::spawn(async move {
            while done.run_until_cancelled(sleep(PROLONG)).await.is_some() {
                // A claim that cannot be prolonged ends by itself.
                let _ = remote.prolong(&key, &owner, CLAIM).await;
            }
            let _ = remote.release(&key, &owner).await;
        });
        Self(guard)
    }
}

impl Flight {
    /// Remembers the answer, which those who wait take from there.
    pub async fn land(mut self, value: &[u8], ttl: Duration) {
        self.cache.set(&self.key, value, ttl).await;
        self.claim = None;
    }

    /// There is an answer that is for this caller alone: those who wait work out their own.
    pub fn land_alone(mut self) {
        self.place.cannot_share();
    }
}

#[cfg(test)]
#[path = "tiered/tests.rs"]
mod tests;
