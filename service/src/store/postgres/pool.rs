//! The pool of connections: which of them are worth taking, and which an outage has left behind.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    Connection as _, PgConnection, PgPool,
    pool::PoolConnectionMetadata,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, timeout};

use crate::config;

/// A connection that was used so recently is taken as it is: no server restarts in that time. Another is asked whether
/// it lives.
const FRESH: Duration = Duration::from_millis(100);

/// How long a connection may take to say that it lives, and the part of a call's time that this may be at most.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
const PART_OF_CALL: f64 = 0.5;

/// How long one try to get a connection may take. A server that comes back meanwhile is seen by the next one.
pub(super) const TRY: Duration = Duration::from_secs(2);

/// The part of its life after which a connection may end.
const MATURE: f64 = 0.8;

/// How likely a mature connection ends when it is given back: those that were opened together do not end together.
const ENDS: f64 = 0.1;

/// Which connections are taken as they are. One from before an outage may be dead and not know: only the kernel's
/// retransmissions would tell, minutes later.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    sign_of_life: Duration,
    last_failure: Arc<Mutex<Option<Instant>>>,
}

impl Trust {
    /// Nothing has happened yet. No call waits longer than this.
    pub(super) fn new(call_timeout: Duration) -> Self {
        Self {
            sign_of_life: SIGN_OF_LIFE.min(call_timeout.mul_f64(PART_OF_CALL)),
            last_failure: Arc::default(),
        }
    }

    /// A connection broke, or an answer did not come in time.
    pub(super) fn note_failure(&self) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection was used a moment ago, and nothing has failed since.
    fn is_fresh(&self, idle_for: Duration) -> bool {
        let last = *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        idle_for < FRESH && last.is_none_or(|at| at.elapsed() > idle_for)
    }

    async fn lives(&self, connection: &mut PgConnection) -> bool {
        let lives = matches!(timeout(self.sign_of_life, connection.ping()).await, Ok(Ok(())));
        if !lives {
            self.note_failure();
        }
        lives
    }
}

/// A pool that connects when it is first needed.
pub(super) fn lazy(options: PgConnectOptions, config: &config::Database, trust: &Trust) -> PgPool {
    let (before, after) = (trust.clone(), trust.clone());
    let lifetime = config.max_lifetime;
    PgPoolOptions::new()
        .max_connections(config.max_connections)
        .min_connections(config.min_connections)
        .acquire_timeout(config.acquire_timeout.min(TRY))
        .idle_timeout(config.idle_timeout)
        .max_lifetime(lifetime)
        .test_before_acquire(false)
        .before_acquire(move |connection, about| {
            let trust = before.clone();
            Box::pin(async move { Ok(trust.is_fresh(about.idle_for) || trust.lives(connection).await) })
        })
        .after_release(move |connection, about| {
            let trust = after.clone();
            Box::pin(async move { is_worth_keeping(connection, about, &trust, lifetime).await })
        })
        .connect_lazy_with(options)
}

/// An error ends the connection at once; waiting for a server that hangs would hold its place in the pool.
async fn is_worth_keeping(
    connection: &mut PgConnection,
    about: PoolConnectionMetadata,
    trust: &Trust,
    lifetime: Duration,
) -> Result<bool, sqlx::Error> {
    // What was broken off in its middle is read to its end by this.
    if !trust.lives(connection).await {
        return Err(sqlx::Error::PoolTimedOut);
    }
    let ends = about.age > lifetime.mul_f64(MATURE) && rand::random_bool(ENDS);
    Ok(!ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_asked_whether_it_lives_if_it_was_idle_or_something_failed_since() {
        let trust = Trust::new(Duration::from_secs(5));
        let (short, long) = (Duration::from_millis(50), FRESH);
        assert!(trust.is_fresh(short) && !trust.is_fresh(long));
        trust.note_failure();
        tokio::time::advance(Duration::from_millis(20)).await;
        assert!(!trust.is_fresh(short), "it was used before that");
        assert!(
            trust.is_fresh(Duration::from_millis(10)),
            "it was used after that"
        );
    }
}
