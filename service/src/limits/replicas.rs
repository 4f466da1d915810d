use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use redis::Script;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::redis::Redis;

/// How often a replica says that it is there.
const EVERY: Duration = Duration::from_secs(5);

/// Who was not heard of for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(16);

const KEY: &str = "ultra:v1:replicas";

/// How many replicas share the limits: as many as the configuration says, else as many as said in Redis that they are
/// there, when it was last asked. While it is lost, that is what each counts its share by.
pub(super) struct Replicas {
    configured: Option<u32>,
    seen: AtomicU32,
}

impl Replicas {
    pub(super) fn new(configured: Option<u32>) -> Self {
        Self {
            configured,
            seen: AtomicU32::new(1),
        }
    }

    pub(super) fn count(&self) -> u32 {
        let seen = || self.seen.load(Ordering::Relaxed);
        self.configured.unwrap_or_else(seen)
    }

    /// Says that this one is there, until it is told to stop; then it says that it goes.
    pub(super) async fn keep(&self, redis: &Redis, stop: CancellationToken) {
        let here = Script::new(include_str!("replicas.lua"));
        let id = Uuid::new_v4().to_string();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let mut invocation = here.key(KEY);
            invocation.arg(&id).arg(GONE_AFTER.as_secs());
            if let Ok(seen) = redis.run::<u32>(&invocation).await {
                self.seen.store(seen.max(1), Ordering::Relaxed);
            }
        }
        let mut invocation = here.key(KEY);
        invocation.arg(&id).arg(0);
        // Where that cannot be said, the others find out.
        let _ = redis.run::<u32>(&invocation).await;
    }
}
