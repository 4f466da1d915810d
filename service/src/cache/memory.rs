use std::time::{Duration, Instant};

use moka::{Expiry, future::Cache};
use serde::Serialize;
use utoipa::ToSchema;

use super::Key;

/// What an entry takes beside its key and value: its place in the table, its timers, and its counts; rounded up.
const OVERHEAD: usize = 256;

/// A cache in the process, bounded by the memory that it takes.
#[derive(Clone)]
pub struct Memory {
    entries: Cache<Key, Entry>,
    max_bytes: u64,
}

#[derive(Clone)]
struct Entry {
    value: Vec<u8>,
    ttl: Duration,
    until: Instant,
}

/// How much a cache in the process holds.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct MemorySize {
    /// How many answers.
    pub entries: u64,
    /// How much memory they take.
    pub bytes: u64,
    /// How much they may take.
    pub max_bytes: u64,
}

struct EntryExpiry;

impl Expiry<Key, Entry> for EntryExpiry {
    fn expire_after_create(&self, _: &Key, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl Memory {
    /// A cache that takes this much memory at most.
    pub fn new(max_bytes: u64) -> Self {
        let weigh = |key: &Key, entry: &Entry| {
            let bytes = key.as_str().len() + entry.value.len() + OVERHEAD;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            entries: Cache::builder()
                .max_capacity(max_bytes)
                .weigher(weigh)
                .expire_after(EntryExpiry)
                .build(),
            max_bytes,
        }
    }

    /// What is remembered under the key, and for how much longer.
    pub async fn get(&self, key: &Key) -> Option<(Vec<u8>, Duration)> {
        let Entry { value, until, .. } = self.entries.get(key).await?;
        Some((value, until.saturating_duration_since(Instant::now())))
    }

    /// Remembers the value for a while.
    pub async fn set(&self, key: &Key, value: &[u8], ttl: Duration) {
        self.entries
            .insert(
                key.clone(),
                Entry {
                    value: value.to_vec(),
                    ttl,
                    until: Instant::now() + ttl,
                },
            )
            .await;
    }

    /// Forgets everything. Says how many answers that was.
    pub async fn clear(&self) -> u64 {
        self.settle().await;
        let before = self.size().entries;
        self.entries.invalidate_all();
        self.settle().await;
        before
    }

    /// Counts what was put and removed a moment ago.
    pub async fn settle(&self) {
        self.entries.run_pending_tasks().await;
    }

    /// How much it holds, or held a moment ago.
    pub fn size(&self) -> MemorySize {
        MemorySize {
            entries: self.entries.entry_count(),
            bytes: self.entries.weighted_size(),
            max_bytes: self.max_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Account;

    #[tokio::test]
    async fn answers_take_the_memory_that_they_may_and_no_more() {
        const MAX: u64 = 1_000_000;
        let memory = Memory::new(MAX);
        let ttl = Duration::from_secs(60);
        for number in 0..500 {
            let key = Key::analysis(Account::Anonymous, &number).unwrap();
            memory.set(&key, &vec![b'x'; 10_000], ttl).await;
        }
        memory.settle().await;
        let size = memory.size();
        assert!(size.bytes <= MAX, "{size:?}");
        assert!((80..=97).contains(&size.entries), "{size:?}");
        let key = Key::analysis(Account::Anonymous, &"too large").unwrap();
        memory.set(&key, &vec![b'x'; 2_000_000], ttl).await;
        memory.settle().await;
        assert!(memory.size().bytes <= MAX);
        assert_eq!(memory.get(&key).await, None);

        assert_eq!(memory.clear().await, size.entries);
        let size = memory.size();
        assert_eq!((size.entries, size.bytes), (0, 0));
    }
}
