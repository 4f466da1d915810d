//! Bounds how often passwords are tried: for each account, so that nobody guesses one, and for each address, so that
//! nobody tries one password on all accounts. Each replica counts for itself.

use std::{hash::Hash, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _};
use moka::{policy::EvictionPolicy, sync::Cache};

use crate::domain::{ClientNetwork, Email};

/// An address or account that has used all its tries gets one back in this time.
const REFILL: Duration = Duration::from_secs(30);

/// The most accounts that are remembered, and the most addresses. Beyond it those go first that were tried longest ago:
/// whoever wants one to be forgotten has to come with so many others, each of which counts as a try of its own.
const MOST_KEYS: u64 = 50_000;

/// Counts tries.
pub struct Throttle {
    accounts: Tries<Email>,
    addresses: Tries<ClientNetwork>,
}

/// How many tries are left, by what is tried. Each costs a look into a map; what has all its tries again is forgotten.
struct Tries<K> {
    quota: Quota,
    left: Cache<K, Arc<DefaultDirectRateLimiter>>,
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
            accounts: Tries::new(tries_per_account, REFILL),
            addresses: Tries::new(tries_per_address, REFILL / faster),
        }
    }

    /// Counts a try, or refuses it. An address that has none left does not use up those of an account.
    pub fn admit(&self, account: &Email, address: IpAddr) -> Result<(), Throttled> {
        self.admit_address(address)?;
        self.accounts.count(account)
    }

    /// Counts a try that is not about an account yet.
    pub fn admit_address(&self, address: IpAddr) -> Result<(), Throttled> {
        self.addresses.count(&address.into())
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Tries<K> {
    fn new(burst: NonZeroU32, refill: Duration) -> Self {
        let refill = refill.max(Duration::from_millis(1));
        let quota = Quota::with_period(refill)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        let left = Cache::builder()
            .max_capacity(MOST_KEYS)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(refill.saturating_mul(burst.get()))
            .build();
        Self { quota, left }
    }

    fn count(&self, key: &K) -> Result<(), Throttled> {
        let left = self
            .left
            .get_with_by_ref(key, || Arc::new(RateLimiter::direct(self.quota)));
        left.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(left.clock().now());
            Throttled {
                retry_after: Duration::from_secs(wait.as_secs() + 1),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

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

    #[test]
    fn so_many_are_remembered_and_no_more_and_who_is_tried_all_along_is_not_forgotten() {
        let throttle = throttle();
        let ada = account("ada");
        for host in 0..3 {
            throttle.admit(&ada, address(&format!("10.0.0.{host}"))).unwrap();
        }
        // As from a whole /32 of IPv6, which is what one customer can get.
        for network in 0..70_000_u32 {
            let [a, b, c, d] = network.to_be_bytes().map(u16::from);
            let address = Ipv6Addr::new(0x2001, 0xdb8, a << 8 | b, c << 8 | d, 0, 0, 0, 1);
            throttle.admit_address(address.into()).unwrap();
            if network % 10_000 == 0 {
                assert!(throttle.accounts.count(&ada).is_err(), "{network}");
            }
        }
        throttle.addresses.left.run_pending_tasks();
        let remembered = throttle.addresses.left.entry_count();
        assert!(remembered <= MOST_KEYS, "{remembered}");
        assert!(throttle.admit(&ada, address("10.0.0.9")).is_err());
    }
}
