use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row, and a model is left alone.
const FAILURES: u32 = 5;

/// The first rest, which doubles with each try that fails.
const FIRST_REST: Duration = Duration::from_secs(1);

/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Leaves a model alone that fails again and again. After a rest one call tries it; if that succeeds, all are let
/// through.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    rest: Duration,
    until: Instant,
    /// Whether a call is trying it.
    trying: bool,
}

/// Whether a call may begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It may.
    Granted,
    /// It may, and decides for all others.
    Try,
    /// It may not, for this long at least.
    Refused(Duration),
}

impl Breaker {
    /// Asks for leave to call.
    pub(super) fn ask(&mut self, now: Instant) -> Leave {
        match &mut self.open {
            None => Leave::Granted,
            Some(open) if !open.trying && now >= open.until => {
                open.trying = true;
                Leave::Try
            }
            Some(open) => Leave::Refused(open.until.saturating_duration_since(now)),
        }
    }

    /// A call succeeded.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call failed. A late failure of a call from before the rest changes nothing.
    pub(super) fn failed(&mut self, was_try: bool, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let rest = match &self.open {
            Some(open) if was_try => (open.rest * 2).min(LONGEST_REST),
            None if self.failures >= FAILURES => FIRST_REST,
            _ => return,
        };
        self.open = Some(Open {
            rest,
            // Half of it at least, so that replicas do not all try at the same moment.
            until: now + rand::random_range(rest / 2..=rest),
            trying: false,
        });
    }

    /// The call that was to decide ended without saying anything.
    pub(super) fn gave_up(&mut self) {
        if let Some(open) = &mut self.open {
            open.trying = false;
        }
    }

    /// Whether calls are refused.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(breaker: &mut Breaker, times: u32, now: Instant) {
        for _ in 0..times {
            breaker.failed(false, now);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_so_many_failures_in_a_row_and_one_call_decides_when_it_closes() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        failed(&mut breaker, FAILURES - 1, now);
        breaker.succeeded();
        failed(&mut breaker, FAILURES - 1, now);
        assert_eq!(
            breaker.ask(now),
            Leave::Granted,
            "a success in between begins anew"
        );
        failed(&mut breaker, 1, now);
        assert!(matches!(breaker.ask(now), Leave::Refused(rest) if rest <= FIRST_REST));
        let later = now + FIRST_REST;
        assert_eq!(breaker.ask(later), Leave::Try);
        assert!(
            matches!(breaker.ask(later), Leave::Refused(_)),
            "one try at a time"
        );
        breaker.succeeded();
        assert_eq!(breaker.ask(later), Leave::Granted);
    }

    #[tokio::test(start_paused = true)]
    async fn each_try_that_fails_doubles_the_rest_up_to_a_bound() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        failed(&mut breaker, FAILURES, now);
        for most in [2, 4, 8, 16, 30, 30] {
            now += LONGEST_REST;
            assert_eq!(breaker.ask(now), Leave::Try);
            breaker.failed(true, now);
            let Leave::Refused(rest) = breaker.ask(now) else {
                panic!("it is closed")
            };
            let most = Duration::from_secs(most);
            assert!(rest <= most && rest >= most / 2, "{rest:?} of {most:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_is_given_up_lets_the_next_one_try() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        failed(&mut breaker, FAILURES, now);
        let later = now + FIRST_REST;
        assert_eq!(breaker.ask(later), Leave::Try);
        breaker.gave_up();
        assert_eq!(breaker.ask(later), Leave::Try);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_failure_does_not_prolong_the_rest() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        failed(&mut breaker, FAILURES, now);
        breaker.failed(false, now + Duration::from_millis(900));
        assert_eq!(breaker.ask(now + FIRST_REST), Leave::Try);
    }
}
