//! Where answers are remembered: Redis for all replicas, a bounded cache in the process where there is none or while
//! it is lost. A cache never fails a request, and of equal requests at the same time one does the work.

mod error;
mod key;
mod lanes;
mod memory;
pub mod redis;
mod stats;
mod tiered;

use std::{fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::redis::{Breaker, BreakerState, Redis};
pub use error::Error;
pub use key::Key;
pub use memory::{Memory, MemorySize};
pub use stats::{Cleared, MemoryStats, RemoteStats, Stats};
pub use tiered::{Flight, Hit, Lookup, Tiered};

/// Which cache had an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Shared by all replicas.
    Redis,
    /// In this process.
    Memory,
}

impl Tier {
    /// The public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no tier.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no cache tier")]
pub struct UnknownTier(String);

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "redis" => Ok(Self::Redis),
            "memory" => Ok(Self::Memory),
            _ => Err(UnknownTier(text.to_owned())),
        }
    }
}

/// How much a remote cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct RemoteSize {
    /// All keys of its logical database, those of others too.
    pub keys: u64,
    /// The memory that the whole server uses.
    pub used_memory_bytes: u64,
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The value is to be worked out here.
    Here,
    /// Somebody else is working it out.
    Elsewhere,
    /// It is there.
    Known(Vec<u8>),
}

/// A cache that can be out of reach, and that all replicas share.
#[async_trait]
pub trait RemoteCache: Send + Sync {
    /// What is remembered under the key.
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Error>;

    /// Remembers the value for a while.
    async fn set(&self, key: &Key, value: &[u8], ttl: Duration) -> Result<(), Error>;

    /// Says that this owner is working the value out, unless it is there or somebody else is.
    async fn claim(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Claimed, Error>;

    /// Says it for longer.
    async fn prolong(&self, key: &Key, owner: &str, ttl: Duration) -> Result<(), Error>;

    /// Takes it back.
    async fn release(&self, key: &Key, owner: &str) -> Result<(), Error>;

    /// Adds entries to a log, numbered from `first` on, and keeps it for so long. Adding one again changes nothing.
    async fn append(&self, key: &Key, first: u64, entries: &[Vec<u8>], ttl: Duration) -> Result<(), Error>;

    /// Entries of a log from this number on, and no more than `limit`.
    async fn entries(&self, key: &Key, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, Error>;

    /// The last entry of a log.
    async fn last_entry(&self, key: &Key) -> Result<Option<Vec<u8>>, Error>;

    /// Forgets all answers. Says how many keys that were.
    async fn clear(&self) -> Result<u64, Error>;

    /// How much it holds.
    async fn size(&self) -> Result<RemoteSize, Error>;

    /// Whether it does its work.
    async fn probe(&self) -> Result<(), Error>;

    /// Whether it is left alone, and why.
    fn breaker(&self) -> Breaker;
}
