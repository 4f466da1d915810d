use std::{pin::pin, time::Duration};

use super::Database;
use crate::store::Error;

/// How often a transaction is tried in all.
const TRIES: u32 = 5;

/// The longest wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// Bounds a call as a whole: a server that hangs holds a connection that was acquired long ago.
pub(in crate::store) async fn call<T>(
    database: &impl Database,
    work: impl Future<Output = Result<T, Error>> + Send,
) -> Result<T, Error> {
    // Its connection is given back when it is dropped, and whether that one is any good has to be known by then.
    let mut work = pin!(work);
    let result = match database.call_timeout() {
        Some(limit) => tokio::time::timeout(limit, work.as_mut())
            .await
            .unwrap_or(Err(Error::Timeout)),
        None => work.await,
    };
    match &result {
        Ok(_) => database.note_success(),
        Err(error) => database.note_failure(error),
    }
    result
}

/// Makes a call that is a transaction. One that the database gave up in favour of another is tried again, after a
/// random wait so that the two do not meet a second time; no other failure is.
pub(in crate::store) async fn transaction<T, F>(
    database: &impl Database,
    work: impl Fn() -> F + Send + Sync,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>> + Send,
{
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match call(database, work()).await {
            Err(error) if error.is_conflict() => {
                let pause = rand::random_range(Duration::ZERO..wait);
                tokio::time::sleep(pause).await;
                wait *= 2;
            }
            result => return result,
        }
    }
    call(database, work()).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::store::sql::{Lease, Transaction};

    struct NoDatabase;

    #[async_trait]
    impl Database for NoDatabase {
        async fn lease(&self) -> Result<Lease, Error> {
            Err(Error::Lost)
        }

        async fn begin(&self) -> Result<Transaction, Error> {
            Err(Error::Lost)
        }

        fn call_timeout(&self) -> Option<Duration> {
            Some(Duration::from_secs(1))
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Code(&'static str);

    impl sqlx::error::DatabaseError for Code {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> sqlx::error::ErrorKind {
            sqlx::error::ErrorKind::Other
        }
    }

    /// How often work is tried that fails with this code `failures` times, and whether it succeeds in the end.
    async fn tries(code: &'static str, failures: u32) -> (u32, bool) {
        let tries = AtomicU32::new(0);
        let result = transaction(&NoDatabase, async || {
            if tries.fetch_add(1, Ordering::Relaxed) < failures {
                Err(sqlx::Error::Database(Box::new(Code(code))).into())
            } else {
                Ok(())
            }
        })
        .await;
        (tries.into_inner(), result.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_lost_against_another_transaction_is_tried_again_and_not_forever() {
        for code in ["40001", "40P01"] {
            assert_eq!(tries(code, 3).await, (4, true), "{code}");
            assert_eq!(tries(code, u32::MAX).await, (TRIES, false), "{code}");
        }
        for code in ["23505", "40002", "57P01", "08006"] {
            assert_eq!(tries(code, u32::MAX).await, (1, false), "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_ends_as_an_outage() {
        let result: Result<(), Error> = transaction(&NoDatabase, std::future::pending).await;
        assert!(matches!(result, Err(Error::Timeout)));
    }
}
