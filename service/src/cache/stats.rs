use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use utoipa::ToSchema;

use super::{Breaker, MemorySize, RemoteSize, Tier};

/// What the caches of this replica hold and did since it started.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Stats {
    /// The cache in the process.
    pub memory: MemoryStats,
    /// The one that all replicas share, where there is one.
    pub redis: Option<RemoteStats>,
    /// Requests that found no answer.
    pub misses: u64,
    /// Requests that waited for an equal one and took its answer.
    pub joined: u64,
}

/// The cache in the process.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct MemoryStats {
    /// How much it holds.
    #[serde(flatten)]
    pub size: MemorySize,
    /// Requests that found their answer here.
    pub hits: u64,
}

/// The cache that all replicas share.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct RemoteStats {
    /// Whether it is left alone, and why.
    pub breaker: Breaker,
    /// Requests that found their answer here.
    pub hits: u64,
    /// Calls that failed, those that the open breaker refused too.
    pub errors: u64,
    /// How much it holds; absent where it was not asked or does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<RemoteSize>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cleared {
    /// Answers in this process.
    pub memory: u64,
    /// Answers, and claims on them, in Redis; absent where there is none.
    pub redis: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) redis_hits: AtomicU64,
    pub(super) memory_hits: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) joined: AtomicU64,
}

impl Counters {
    pub(super) fn hit(&self, tier: Tier) {
        count(match tier {
            Tier::Redis => &self.redis_hits,
            Tier::Memory => &self.memory_hits,
        });
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
