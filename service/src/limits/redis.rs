//! The Redis in which all replicas count together, over the connection and the breaker that everything shares.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use redis::{FromRedisValue, ScriptInvocation};

use crate::cache::redis::Connection;

/// Redis cannot be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

/// A Redis that may be lost, or may refuse: one that is out of memory, or does not allow scripts.
#[derive(Clone)]
pub(super) struct Redis {
    connection: Connection,
    refuses: Arc<AtomicBool>,
}

impl Redis {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            refuses: Arc::default(),
        }
    }

    /// Whether there is nobody to count with.
    pub(super) fn is_lost(&self) -> bool {
        self.connection.is_lost() || self.refuses.load(Ordering::Relaxed)
    }

    /// Whether it can be asked, whatever it said the last time.
    pub(super) fn can_be_asked(&self) -> bool {
        !self.connection.is_lost()
    }

    /// Runs a script in one round trip, or says at once that it cannot.
    pub(super) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Lost> {
        let answer = self
            .connection
            .with(|mut connection| async move { script.invoke_async(&mut connection).await })
            .await;
        match answer {
            Ok(answer) => {
                if self.refuses.swap(false, Ordering::Relaxed) {
                    tracing::info!("limits: Redis counts again, for all replicas together");
                }
                Ok(answer)
            }
            Err(error) => {
                if error.is_refusal() && !self.refuses.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "limits: Redis does not count; this replica enforces its share by itself");
                }
                Err(Lost)
            }
        }
    }
}
