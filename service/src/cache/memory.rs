use std::time::{Duration, Instant};

use moka::{Expiry, future::Cache};

use super::Key;

/// A bounded cache in the process.
#[derive(Clone)]
pub struct Memory {
    entries: Cache<Key, Entry>,
}

#[derive(Clone)]
struct Entry {
    value: Vec<u8>,
    ttl: Duration,
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
    /// A cache that holds this many entries at most.
    pub fn new(max_entries: u64) -> Self {
        Self {
            entries: Cache::builder()
                .max_capacity(max_entries)
                .expire_after(EntryExpiry)
                .build(),
        }
    }

    /// What is remembered under the key.
    pub async fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.entries.get(key).await.map(|entry| entry.value)
    }

    /// Remembers the value for a while.
    pub async fn set(&self, key: &Key, value: &[u8], ttl: Duration) {
        self.entries
            .insert(
                key.clone(),
                Entry {
                    value: value.to_vec(),
                    ttl,
                },
            )
            .await;
    }
}
