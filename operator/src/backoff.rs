//! Waits that grow with the failures of one resource, so that a broken one neither spins nor slows the others.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(60);

/// Failures in a row, by resource.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: Mutex<HashMap<String, u32>>,
}

impl Backoff {
    /// How long to wait after one more failure.
    pub fn failed(&self, resource: &str) -> Duration {
        let mut failures = self.lock();
        let count = failures.entry(resource.to_owned()).or_default();
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(*count)).min(LONGEST);
        *count = count.saturating_add(1);
        wait
    }

    /// Forgets a resource's failures: it has succeeded, or is gone.
    pub fn forget(&self, resource: &str) {
        self.lock().remove(resource);
    }

    /// Nothing can be left half done under this lock, so one that a panic poisoned is as good as any.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_start_anew_after_a_success() {
        let backoff = Backoff::default();
        let waits: Vec<u128> = (0..4).map(|_| backoff.failed("a").as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000]);
        assert_eq!((0..100).map(|_| backoff.failed("a")).max(), Some(LONGEST));
        assert_eq!(
            backoff.failed("b"),
            FIRST,
            "another resource's failures do not count"
        );
        backoff.forget("a");
        assert_eq!(backoff.failed("a"), FIRST);
    }
}
