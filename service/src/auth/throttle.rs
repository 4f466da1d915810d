//! Bounds how often passwords are tried: for each account, so that nobody guesses one, and for each address, so that
//! nobody tries one password on all accounts. Each replica counts for itself.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use crate::domain::{ClientNetwork, Email};

/// An address or account that has used all its tries gets one back in this time.
const REFILL: Duration = Duration::from_secs(30);

/// After so many tries, what has long been full again is forgotten.
const FORGET_EVERY: u32 = 1_000;

/// The most that is remembered; beyond it, addresses and accounts in their full rights are forgotten at each try.
const MOST_KEYS: usize = 100_000;

/// Counts tries.
pub struct Throttle {
    accounts: DefaultKeyedRateLimiter<Email>,
    addresses: DefaultKeyedRateLimiter<ClientNetwork>,
    tries: AtomicU32,
}

/// Too many tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many tries; the next is possible in {} s", self.retry_after.as_secs())]
pub struct Throttled {
    /// When to come back, in whole seconds, at least one.
    pub retry_after: Duration,
}

impl Throttle {
    /// So many tries at once for each; after that one every 30 seconds for an account, and faster, in proportion, for
    /// an address, behind which there may be many people.
    pub fn new(tries_per_account: NonZeroU32, tries_per_address: NonZeroU32) -> Self {
        let faster = (tries_per_address.get() / tries_per_account.get()).max(1);
        Self {
            accounts: RateLimiter::keyed(quota(tries_per_account, REFILL)),
            addresses: RateLimiter::keyed(quota(tries_per_address, REFILL / faster)),
            tries: AtomicU32::new(0),
        }
    }

    /// Counts a try, or refuses it. An address that has none left does not use up those of an account.
    pub fn admit(&self, account: &Email, address: IpAddr) -> Result<(), Throttled> {
        self.admit_address(address)?;
        check(&self.accounts, account)
    }

    /// Counts a try that is not about an account yet.
    pub fn admit_address(&self, address: IpAddr) -> Result<(), Throttled> {
        self.forget_the_idle();
        check(&self.addresses, &address.into())
    }

    fn forget_the_idle(&self) {
        let tries = self.tries.fetch_add(1, Ordering::Relaxed);
        let full = self.accounts.len() + self.addresses.len() > MOST_KEYS;
        if full || tries % FORGET_EVERY == FORGET_EVERY - 1 {
            self.accounts.retain_recent();
            self.addresses.retain_recent();
        }
    }
}

fn quota(burst: NonZeroU32, refill: Duration) -> Quota {
    let refill = refill.max(Duration::from_millis(1));
    Quota::with_period(refill)
        .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
        .allow_burst(burst)
}

fn check<K: std::hash::Hash + Eq + Clone>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), Throttled> {
    limiter.check_key(key).map_err(|not_until| {
        let wait = not_until.wait_time_from(limiter.clock().now());
        Throttled {
            retry_after: Duration::from_secs(wait.as_secs() + 1),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> Throttle {
        Throttle::new(NonZeroU32::new(3).unwrap(), NonZeroU32::new(9).unwrap())
    }

    fn account(name: &str) -> Email {
        format!("{name}@example.com").parse().unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_account_is_tried_so_often_whatever_the_address() {
        let throttle = throttle();
        for host in 1..=3 {
            throttle
                .admit(&account("ada"), address(&format!("10.0.0.{host}")))
                .unwrap();
        }
        let refused = throttle.admit(&account("ada"), address("10.0.0.4")).unwrap_err();
        assert!((1..=31).contains(&refused.retry_after.as_secs()), "{refused:?}");
        throttle.admit(&account("grace"), address("10.0.0.4")).unwrap();
    }

    #[test]
    fn an_address_tries_so_often_whatever_the_account() {
        let throttle = throttle();
        for user in 0..9 {
            throttle
                .admit(&account(&format!("user{user}")), address("10.0.0.1"))
                .unwrap();
        }
        assert!(throttle.admit(&account("ada"), address("10.0.0.1")).is_err());
        throttle.admit(&account("ada"), address("10.0.0.2")).unwrap();
    }
}
