//! Redis, as the cache uses it, over the connection that the limits use too.

mod connection;

use std::time::Duration;

use async_trait::async_trait;
use redis::cmd;

pub use connection::{Breaker, BreakerState, Connection};

use super::{Claimed, Error, Key, RemoteCache, RemoteSize};

/// How many keys one step of a removal looks at.
const STEP: usize = 1_000;

/// One round trip tells what is there, and claims what is not.
const CLAIM: &str = "local value = redis.call('get', KEYS[1]) if value then return {0, value} end \
     if redis.call('set', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {1, false} end return {0, false}";

/// A claim belongs to whoever made it: only they prolong it, and only they end it.
const PROLONG: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0";
const RELEASE: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

/// The answers of all replicas, in Redis.
#[derive(Clone)]
pub struct Redis {
    connection: Connection,
}

impl Redis {
    /// Over this connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }
}

#[async_trait]
impl RemoteCache for Redis {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.connection.call(cmd("GET").arg(key.as_str())).await
    }

    async fn set(&self, key: &Key, value: &[u8], ttl: Duration) -> Result<(), Error> {
        let seconds = ttl.as_secs().max(1);
        let mut set = cmd("SET");
        set.arg(key.as_str()).arg(value).arg("EX").arg(seconds);
        self.connection.call(&set).await
    }

    async fn claim(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Claimed, Error> {
        let mut eval = cmd("EVAL");
        eval.arg(CLAIM).arg(2).arg(key.as_str()).arg(key.claim());
        eval.arg(owner).arg(millis(ttl));
        let (taken, value): (bool, Option<Vec<u8>>) = self.connection.call(&eval).await?;
        Ok(match value {
            Some(value) => Claimed::Known(value),
            None if taken => Claimed::Here,
            None => Claimed::Elsewhere,
        })
    }

    async fn prolong(&self, key: &Key, owner: &str, ttl: Duration) -> Result<(), Error> {
        let mut eval = cmd("EVAL");
        eval.arg(PROLONG)
            .arg(1)
            .arg(key.claim())
            .arg(owner)
            .arg(millis(ttl));
        self.connection.call(&eval).await
    }

    async fn release(&self, key: &Key, owner: &str) -> Result<(), Error> {
        let mut eval = cmd("EVAL");
        eval.arg(RELEASE).arg(1).arg(key.claim()).arg(owner);
        self.connection.call(&eval).await
    }

    async fn append(&self, key: &Key, first: u64, entries: &[Vec<u8>], ttl: Duration) -> Result<(), Error> {
        // A set with numbers for scores: what was added already, by a call whose answer was lost, is there once.
        let mut add = cmd("ZADD");
        add.arg(key.as_str());
        for (number, entry) in (first..).zip(entries) {
            add.arg(number)
                .arg([number.to_string().as_bytes(), b" ", entry].concat());
        }
        self.connection.call::<()>(&add).await?;
        self.connection
            .call(cmd("PEXPIRE").arg(key.as_str()).arg(millis(ttl)))
            .await
    }

    async fn entries(&self, key: &Key, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, Error> {
        let mut range = cmd("ZRANGE");
        range
            .arg(key.as_str())
            .arg(from)
            .arg("+inf")
            .arg("BYSCORE")
            .arg("LIMIT")
            .arg(0)
            .arg(limit);
        let numbered: Vec<Vec<u8>> = self.connection.call(&range).await?;
        Ok(numbered.iter().map(|entry| without_number(entry)).collect())
    }

    async fn last_entry(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        let mut range = cmd("ZRANGE");
        range.arg(key.as_str()).arg(-1).arg(-1);
        let numbered: Vec<Vec<u8>> = self.connection.call(&range).await?;
        Ok(numbered.first().map(|entry| without_number(entry)))
    }

    async fn clear(&self) -> Result<u64, Error> {
        let (mut cursor, mut removed) = (0_u64, 0);
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(Key::PATTERN)
                .arg("COUNT")
                .arg(STEP);
            let (next, keys): (u64, Vec<String>) = self.connection.call(&scan).await?;
            if !keys.is_empty() {
                removed += self.connection.call::<u64>(cmd("UNLINK").arg(&keys)).await?;
            }
            if next == 0 {
                return Ok(removed);
            }
            cursor = next;
        }
    }

    async fn size(&self) -> Result<RemoteSize, Error> {
        let keys = self.connection.call(&cmd("DBSIZE")).await?;
        let info: String = self.connection.call(cmd("INFO").arg("memory")).await?;
        let bytes = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(RemoteSize {
            keys,
            used_memory_bytes: bytes
                .and_then(|bytes| bytes.trim().parse().ok())
                .unwrap_or_default(),
        })
    }

    /// Whether it remembers: a server whose disk is full, or that is a replica, answers and keeps nothing.
    async fn probe(&self) -> Result<(), Error> {
        self.connection.call(&connection::touch()).await
    }

    fn breaker(&self) -> Breaker {
        self.connection.breaker()
    }
}

/// Equal entries have to be told apart, so each begins with its number.
fn without_number(numbered: &[u8]) -> Vec<u8> {
    let space = numbered.iter().position(|byte| *byte == b' ');
    numbered[space.map_or(0, |space| space + 1)..].to_vec()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
