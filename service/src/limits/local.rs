//! The buckets of this process: all there are without a Redis, and a replica's share while it is lost.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
};

use tokio::time::Instant;

use super::{
    bucket::Bucket,
    policy::{Counted, Policy},
    subject::Subject,
};

/// Requests of different subjects seldom wait for each other.
const SHARDS: usize = 64;

/// The most subjects that a shard remembers. Beyond it, those go first that have used least.
const MOST_IN_SHARD: usize = 2_000;

/// A subject's buckets; the few that there are, one after the other.
type Kept = Vec<(Counted, Bucket, u32)>;

/// Buckets by subject, bounded.
pub(super) struct Local {
    shards: Vec<Mutex<HashMap<Subject, Kept>>>,
    hasher: RandomState,
    epoch: Instant,
}

impl Local {
    /// All buckets are full.
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            epoch: Instant::now(),
        }
    }

    /// Takes a request out of all buckets, or out of none. Says which, and what the buckets hold afterwards.
    pub(super) fn take(&self, subject: Subject, policies: &[Policy]) -> (bool, Vec<Bucket>) {
        let now = self.now();
        let mut shard = self.shard(subject);
        if shard.len() >= MOST_IN_SHARD && !shard.contains_key(&subject) {
            make_room(&mut shard, now);
        }
        let kept = shard.entry(subject).or_default();
        let mut buckets: Vec<_> = policies.iter().map(|policy| find(kept, *policy, now)).collect();
        let admitted = buckets
            .iter()
            .zip(policies)
            .all(|(bucket, policy)| bucket.admits(policy.limit));
        if admitted {
            for bucket in &mut buckets {
                *bucket = bucket.taken();
            }
            kept.retain(|(counted, bucket, limit)| {
                let asked = policies.iter().any(|policy| policy.counted == *counted);
                !asked && !bucket.refilled(*limit, now).is_full()
            });
            let taken = policies.iter().zip(&buckets);
            kept.extend(taken.map(|(policy, bucket)| (policy.counted, *bucket, policy.limit)));
        }
        (admitted, buckets)
    }

    fn shard(&self, subject: Subject) -> std::sync::MutexGuard<'_, HashMap<Subject, Kept>> {
        let hash = usize::try_from(self.hasher.hash_one(subject) % SHARDS as u64).unwrap_or_default();
        self.shards[hash].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn find(kept: &[(Counted, Bucket, u32)], policy: Policy, now: u64) -> Bucket {
    let found = kept.iter().find(|(counted, ..)| *counted == policy.counted);
    let bucket = found.map_or_else(Bucket::default, |(_, bucket, _)| *bucket);
    bucket.refilled(policy.limit, now)
}

/// Forgets whose buckets are all full, then whose are not low, then everybody: what is left is at most a half, so that
/// this is not done at each request.
fn make_room(shard: &mut HashMap<Subject, Kept>, now: u64) {
    let refilled = |kept: &Kept, keep: fn(Bucket, u32) -> bool| {
        kept.iter()
            .any(|(_, bucket, limit)| keep(bucket.refilled(*limit, now), *limit))
    };
    shard.retain(|_, kept| refilled(kept, |bucket, _| !bucket.is_full()));
    if shard.len() > MOST_IN_SHARD / 2 {
        shard.retain(|_, kept| refilled(kept, Bucket::is_low));
    }
    if shard.len() > MOST_IN_SHARD / 2 {
        tracing::warn!("limits: more callers at once than can be remembered; their limits begin anew");
        shard.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    fn address(number: u32) -> Subject {
        Subject::Anonymous(std::net::IpAddr::from(Ipv4Addr::from_bits(number)).into())
    }

    const REQUESTS: Policy = Policy {
        counted: Counted::Requests,
        limit: 4,
    };

    #[tokio::test(start_paused = true)]
    async fn callers_without_number_take_bounded_memory_and_whoever_asks_too_often_stays_refused() {
        let local = Local::new();
        let eager = address(u32::MAX);
        while local.take(eager, &[REQUESTS]).0 {}
        for number in 0..400_000 {
            assert!(local.take(address(number), &[REQUESTS]).0);
        }
        let remembered: usize = local.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(remembered <= SHARDS * MOST_IN_SHARD, "{remembered}");
        assert!(!local.take(eager, &[REQUESTS]).0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_full_again_is_forgotten() {
        let local = Local::new();
        let key = |number| Policy::new(Counted::Key(uuid::Uuid::from_u128(number).into()), 4);
        for number in 0..100 {
            tokio::time::advance(Duration::from_secs(15)).await;
            assert!(local.take(address(1), &[REQUESTS, key(number)]).0);
        }
        assert!(local.shard(address(1))[&address(1)].len() <= 3);
    }
}
