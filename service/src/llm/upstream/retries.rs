use std::time::Duration;

use tokio::time::Instant;
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::llm::{Error, Phase};

/// The longest first pause; the next ones double.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause of all.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Over such a time the budget is reckoned.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// So many tries anew per second are always allowed, so that a service with few requests has some.
const ALWAYS_PER_SECOND: u32 = 2;

/// The part of all calls that may be tried anew: more would double the load of a provider that is failing under it.
const PART_OF_CALLS: f32 = 0.2;

/// When a call is tried anew: with exponential pauses and full jitter ("Exponential Backoff And Jitter", AWS
/// Architecture Blog, 2015), within a budget that all calls of a provider share.
#[derive(Debug)]
pub(super) struct Retries {
    most: u32,
    budget: TpsBudget,
}

impl Retries {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            budget: TpsBudget::new(BUDGET_WINDOW, ALWAYS_PER_SECOND, PART_OF_CALLS),
        }
    }

    /// Notes a call, which pays for a part of a try.
    pub(super) fn deposit(&self) {
        self.budget.deposit();
    }

    /// How long to wait before the next try; none, where there is to be none.
    pub(super) fn pause_before_next(&self, error: &Error, tries: u32, deadline: Instant) -> Option<Duration> {
        if tries >= self.most || !is_worth_a_try(error) {
            return None;
        }
        let pause = match error.retry_after() {
            Some(asked) if asked > LONGEST_PAUSE => return None,
            Some(asked) => asked + jitter(FIRST_PAUSE),
            None => jitter((FIRST_PAUSE * 2_u32.saturating_pow(tries)).min(LONGEST_PAUSE)),
        };
        let in_time = Instant::now() + pause < deadline;
        (in_time && self.budget.withdraw()).then_some(pause)
    }
}

/// A provider that hangs has already cost the caller its time; what cannot be read may be read the next time.
fn is_worth_a_try(error: &Error) -> bool {
    match error {
        Error::TimedOut(phase) => *phase == Phase::Connect,
        other => other.is_transient(),
    }
}

fn jitter(most: Duration) -> Duration {
    rand::random_range(Duration::ZERO..=most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_secs(3_600);

    fn unavailable() -> Error {
        Error::unavailable("gone")
    }

    fn limited(seconds: u64) -> Error {
        Error::RateLimited {
            retry_after: Some(Duration::from_secs(seconds)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end() {
        let retries = Retries::new(3);
        for (tries, most) in [(0, 250), (1, 500), (2, 1_000)] {
            let pause = retries.pause_before_next(&unavailable(), tries, Instant::now() + LATE);
            assert!(pause.unwrap() <= Duration::from_millis(most));
        }
        assert_eq!(
            retries.pause_before_next(&unavailable(), 3, Instant::now() + LATE),
            None
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_provider_asks_for_is_waited_for_unless_it_is_long() {
        let retries = Retries::new(3);
        let pause = retries
            .pause_before_next(&limited(2), 0, Instant::now() + LATE)
            .unwrap();
        assert!(
            pause >= Duration::from_secs(2) && pause <= Duration::from_millis(2_250),
            "{pause:?}"
        );
        assert_eq!(
            retries.pause_before_next(&limited(60), 0, Instant::now() + LATE),
            None
        );
        let soon = Instant::now() + Duration::from_secs(1);
        assert_eq!(
            retries.pause_before_next(&limited(2), 0, soon),
            None,
            "the call's time ends first"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_wrong_is_not_tried_anew() {
        let retries = Retries::new(3);
        let refused = Error::Refused {
            status: 400,
            message: "no".to_owned(),
        };
        for error in [
            refused,
            Error::Unauthorized { status: 401 },
            Error::TimedOut(Phase::FirstByte),
        ] {
            assert_eq!(
                retries.pause_before_next(&error, 0, Instant::now() + LATE),
                None,
                "{error}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_fails_all_calls_gets_a_fifth_more_of_them_and_not_twice_as_many() {
        let retries = Retries::new(3);
        let mut tried_anew = 0;
        for _ in 0..1_000 {
            retries.deposit();
            tried_anew += u32::from(
                retries
                    .pause_before_next(&unavailable(), 0, Instant::now() + LATE)
                    .is_some(),
            );
        }
        assert!((150..=250).contains(&tried_anew), "{tried_anew}");
    }
}
