//! The Redis in which all replicas count together. While it is lost nobody waits for it: the first call that fails
//! pays for finding out, and the looks that find it back are made in the background.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{FromRedisValue, RedisError, ScriptInvocation, aio::ConnectionManager};

use crate::cache;

/// How often a lost Redis is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Redis cannot be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

/// A Redis that may be lost.
#[derive(Clone)]
pub(super) struct Redis(Arc<Inner>);

struct Inner {
    connection: ConnectionManager,
    response_timeout: Duration,
    lost: AtomicBool,
}

impl Redis {
    /// Over the connection of the cache.
    pub(super) fn new(cache: &cache::Redis) -> Self {
        let (connection, response_timeout) = cache.connection();
        Self(Arc::new(Inner {
            connection,
            response_timeout,
            lost: AtomicBool::new(false),
        }))
    }

    /// Whether the last call failed, and no look has found it back since.
    pub(super) fn is_lost(&self) -> bool {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Runs a script in one round trip, or says at once that it cannot.
    pub(super) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Lost> {
        if self.is_lost() {
            return Err(Lost);
        }
        let mut connection = self.0.connection.clone();
        let answer = self.0.bounded(script.invoke_async(&mut connection)).await;
        answer.map_err(|error| {
            self.lose(&error);
            Lost
        })
    }

    fn lose(&self, error: &cache::Error) {
        if self.0.lost.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(%error, "limits: Redis is lost; this replica enforces its share by itself");
        let this = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let Some(this) = this.upgrade() else { return };
                if this.ping().await.is_ok() {
                    this.lost.store(false, Ordering::Relaxed);
                    tracing::info!("limits: Redis is back; all replicas count together again");
                    return;
                }
            }
        });
    }
}

impl Inner {
    async fn ping(&self) -> Result<(), cache::Error> {
        let mut connection = self.connection.clone();
        let ping = redis::cmd("PING");
        self.bounded(ping.query_async(&mut connection)).await
    }

    async fn bounded<T>(&self, call: impl Future<Output = Result<T, RedisError>>) -> Result<T, cache::Error> {
        match tokio::time::timeout(self.response_timeout, call).await {
            Ok(result) => result.map_err(cache::Error::from),
            Err(elapsed) => Err(RedisError::from(std::io::Error::from(elapsed)).into()),
        }
    }
}
