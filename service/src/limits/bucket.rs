//! The arithmetic of a token bucket: it holds a minute's requests, and fills up evenly over a minute. All of it is
//! whole numbers, so that `check.lua` comes to the very same ones.

use std::time::Duration;

/// The time in which an empty bucket fills up.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// The same in microseconds, and at once what a request takes out of a bucket: one that admits `limit` requests in a
/// window then gets back `limit` each microsecond, without a remainder.
const COST: u64 = 60_000_000;

/// What has been taken out of a bucket, at a moment in microseconds of whichever clock counts for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    used: u64,
    at: u64,
}

impl Bucket {
    /// What a bucket holds that has been used so far just now.
    pub(super) fn used(used: u64) -> Self {
        Self { used, at: 0 }
    }

    /// The same bucket, a little later. A clock that was set back gives nothing, and takes nothing.
    #[must_use]
    pub(super) fn refilled(self, limit: u32, now: u64) -> Self {
        let elapsed = now.saturating_sub(self.at).min(COST);
        let used = self.used.min(capacity(limit));
        Self {
            used: used.saturating_sub(elapsed * u64::from(limit)),
            at: now,
        }
    }

    /// Whether there is enough in it for a request.
    pub(super) fn admits(self, limit: u32) -> bool {
        self.used + COST <= capacity(limit)
    }

    /// The same bucket after a request.
    #[must_use]
    pub(super) fn taken(self) -> Self {
        Self {
            used: self.used + COST,
            at: self.at,
        }
    }

    /// Whether nothing is missing in it, so that it need not be remembered.
    pub(super) fn is_full(self) -> bool {
        self.used == 0
    }

    /// Whether less than half of it is left.
    pub(super) fn is_low(self, limit: u32) -> bool {
        self.used * 2 > capacity(limit)
    }

    /// How many requests it admits at once.
    pub(super) fn remaining(self, limit: u32) -> u32 {
        let left = capacity(limit).saturating_sub(self.used) / COST;
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// When it is full again.
    pub(super) fn full_in(self, limit: u32) -> Duration {
        Duration::from_micros(self.used.div_ceil(u64::from(limit.max(1))))
    }

    /// When it admits the next request.
    pub(super) fn admits_in(self, limit: u32) -> Duration {
        let missing = (self.used + COST).saturating_sub(capacity(limit));
        Duration::from_micros(missing.div_ceil(u64::from(limit.max(1))))
    }
}

fn capacity(limit: u32) -> u64 {
    u64::from(limit) * COST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every request so far, as a bucket that forgets nothing would count it: exact, and without a clever word.
    struct Reference {
        limit: u128,
        level: u128,
        last: u128,
    }

    impl Reference {
        /// In request-minutes per microsecond: one request is a minute's microseconds.
        fn take(&mut self, now: u128) -> bool {
            let full = self.limit * 60_000_000;
            self.level = full.min(self.level + (now - self.last) * self.limit);
            self.last = now;
            let admitted = self.level >= 60_000_000;
            if admitted {
                self.level -= 60_000_000;
            }
            admitted
        }
    }

    proptest! {
        #[test]
        fn a_bucket_decides_as_the_reference_does(
            limit in 1_u32..=1_000_000,
            pauses in prop::collection::vec(prop_oneof![0_u64..100, 0_u64..2_000_000, 0_u64..200_000_000], 1..200),
        ) {
            let mut reference = Reference { limit: limit.into(), level: u128::from(limit) * 60_000_000, last: 0 };
            let (mut bucket, mut now) = (Bucket::default(), 0);
            for pause in pauses {
                now += pause;
                bucket = bucket.refilled(limit, now);
                let admitted = bucket.admits(limit);
                prop_assert_eq!(admitted, reference.take(now.into()));
                prop_assert_eq!(admitted, bucket.remaining(limit) > 0);
                prop_assert_eq!(admitted, bucket.admits_in(limit).is_zero());
                if admitted {
                    bucket = bucket.taken();
                }
            }
        }

        #[test]
        fn it_admits_again_exactly_when_it_said(limit in 1_u32..=1_000_000, used in 0_u64..=60_000_000_000_000) {
            let bucket = Bucket { used, at: 0 }.refilled(limit, 0);
            let wait = u64::try_from(bucket.admits_in(limit).as_micros()).unwrap();
            prop_assert!(bucket.refilled(limit, wait).admits(limit));
            prop_assert!(wait == 0 || !bucket.refilled(limit, wait - 1).admits(limit));
            let full = u64::try_from(bucket.full_in(limit).as_micros()).unwrap();
            prop_assert!(bucket.refilled(limit, full).is_full());
            prop_assert!(full <= 60_000_000);
        }

        #[test]
        fn no_window_admits_more_than_twice_the_limit_and_a_long_run_no_more_than_the_limit(limit in 1_u32..=500) {
            let (mut bucket, mut admitted) = (Bucket::default(), 0_u64);
            // Somebody who asks every millisecond, for ten minutes.
            for now in (0..600_000_000_u64).step_by(50_000) {
                bucket = bucket.refilled(limit, now);
                while bucket.admits(limit) {
                    bucket = bucket.taken();
                    admitted += 1;
                }
            }
            let limit = u64::from(limit);
            prop_assert!((10 * limit..=11 * limit).contains(&admitted), "{} of {}", admitted, limit);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_long() {
        let mut bucket = Bucket::default().refilled(1, 3_600_000_000).taken();
        bucket = bucket.refilled(1, 0);
        assert!(!bucket.admits(1));
        assert!(bucket.refilled(1, COST).admits(1));
    }

    #[test]
    fn a_smaller_limit_counts_no_more_than_a_whole_bucket_as_used() {
        let bucket = Bucket {
            used: 1_000 * COST,
            at: 0,
        }
        .refilled(10, 0);
        assert_eq!(bucket.full_in(10), WINDOW);
    }
}
