//! Where answers are remembered: Redis for all replicas, a bounded cache in the process where there is none or while
//! it is lost. A cache never fails a request.

mod key;
mod memory;
mod redis;
mod tiered;

use std::{fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::redis::Redis;
pub use key::Key;
pub use memory::Memory;
pub use tiered::{Hit, Tiered};

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

/// Why a remote cache did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("the cache is unavailable ({class}): {source}")]
pub struct Error {
    /// A short, stable word for what went wrong, for the health report.
    pub class: &'static str,
    #[source]
    source: ::redis::RedisError,
}

/// A cache that can be out of reach.
#[async_trait]
pub trait RemoteCache: Send + Sync {
    /// What is remembered under the key.
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Error>;

    /// Remembers the value for a while.
    async fn set(&self, key: &Key, value: &[u8], ttl: Duration) -> Result<(), Error>;

    /// Whether it answers.
    async fn ping(&self) -> Result<(), Error>;
}
