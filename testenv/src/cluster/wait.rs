//! Waiting for conditions.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use crate::Error;

/// Between two looks: short against anything that is waited for, long against the cost of a look.
const INTERVAL: Duration = Duration::from_millis(25);

/// Looks with `probe` until it answers `Ok`, and gives that.
///
/// `Err` says what the probe saw instead. When `deadline` has passed, the error tells `what` was waited for
/// and what was seen last; a probe that itself takes longer than the time left is given up, too.
pub async fn wait_for<T, Seen: Display>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, Seen>,
) -> Result<T, Error> {
    let end = Instant::now() + deadline;
    let mut last_seen = String::from("nothing: the first look did not return");
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(seen)) => last_seen = seen.to_string(),
            Err(_) => {}
        }
        // A probe that never waits is not stopped by the timeout.
        if Instant::now() >= end {
            return Err(Error::Deadline {
                what: what.to_owned(),
                deadline,
                last_seen,
            });
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_that_passes_tells_what_was_seen_last() {
        let mut looks = 0;
        let error = wait_for("the third look", Duration::from_millis(60), async || {
            looks += 1;
            Err::<(), _>(format!("look {looks}"))
        })
        .await
        .unwrap_err();
        let Error::Deadline { what, last_seen, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(what, "the third look");
        assert!(looks > 1, "it looked once only");
        assert_eq!(last_seen, format!("look {looks}"));
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_given_up_at_the_deadline() {
        let error = wait_for("an answer", Duration::from_millis(20), async || {
            std::future::pending::<()>().await;
            Err::<(), _>("never")
        })
        .await
        .unwrap_err();
        assert!(matches!(error, Error::Deadline { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_condition_that_holds_gives_its_value() {
        let mut looks = 0;
        let value = wait_for("two looks", Duration::from_secs(5), async || {
            looks += 1;
            if looks == 2 { Ok(looks) } else { Err("not yet") }
        })
        .await
        .unwrap();
        assert_eq!(value, 2);
    }
}
