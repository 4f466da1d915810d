use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Error, Key, Memory, RemoteCache, Tier};

/// How long a remote cache that failed is left alone: while it is lost, one request in this time pays its timeout.
const REST: Duration = Duration::from_secs(1);

/// A value and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What was remembered.
    pub value: Vec<u8>,
    /// By which cache.
    pub tier: Tier,
}

/// The remote cache where there is one, and the one in the process while it is lost.
#[derive(Clone)]
pub struct Tiered {
    remote: Option<Arc<dyn RemoteCache>>,
    memory: Memory,
    resting_until: Arc<Mutex<Option<Instant>>>,
}

impl Tiered {
    /// Without a remote cache, the one in the process is all there is.
    pub fn new(remote: Option<Arc<dyn RemoteCache>>, memory: Memory) -> Self {
        Self {
            remote,
            memory,
            resting_until: Arc::default(),
        }
    }

    /// What is remembered under the key.
    pub async fn get(&self, key: &Key) -> Option<Hit> {
        if let Some(remote) = self.remote() {
            match remote.get(key).await {
                Ok(value) => {
                    return value.map(|value| Hit {
                        value,
                        tier: Tier::Redis,
                    });
                }
                Err(error) => self.rest(&error),
            }
        }
        self.memory.get(key).await.map(|value| Hit {
            value,
            tier: Tier::Memory,
        })
    }

    /// Remembers the value for a while.
    pub async fn set(&self, key: &Key, value: &[u8], ttl: Duration) {
        if let Some(remote) = self.remote() {
            match remote.set(key, value, ttl).await {
                Ok(()) => return,
                Err(error) => self.rest(&error),
            }
        }
        self.memory.set(key, value, ttl).await;
    }

    fn remote(&self) -> Option<&Arc<dyn RemoteCache>> {
        let resting = self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = resting.is_some_and(|until| Instant::now() < until);
        self.remote.as_ref().filter(|_| !rests)
    }

    fn rest(&self, error: &Error) {
        tracing::warn!(%error, "the cache in the process takes over");
        let mut resting = self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        *resting = Some(Instant::now() + REST);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::domain::Account;

    /// A remote cache that can be lost.
    #[derive(Default)]
    struct Flaky {
        lost: AtomicBool,
        calls: AtomicUsize,
        kept: Mutex<Option<Vec<u8>>>,
    }

    impl Flaky {
        fn call(&self) -> Result<(), Error> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            if self.lost.load(Ordering::SeqCst) {
                return Err(Error::from(redis::RedisError::from(std::io::Error::from(
                    std::io::ErrorKind::TimedOut,
                ))));
            }
            Ok(())
        }
    }

    #[async_trait]
    impl RemoteCache for Flaky {
        async fn get(&self, _: &Key) -> Result<Option<Vec<u8>>, Error> {
            self.call()?;
            Ok(self.kept.lock().unwrap().clone())
        }

        async fn set(&self, _: &Key, value: &[u8], _: Duration) -> Result<(), Error> {
            self.call()?;
            *self.kept.lock().unwrap() = Some(value.to_vec());
            Ok(())
        }

        async fn ping(&self) -> Result<(), Error> {
            self.call()
        }
    }

    const TTL: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_lost_remote_cache_is_asked_once_in_a_rest_and_taken_back_afterwards() {
        let remote = Arc::new(Flaky::default());
        let cache = Tiered::new(Some(remote.clone()), Memory::new(10));
        let key = Key::analysis(Account::Anonymous, &"question").unwrap();
        cache.set(&key, b"shared", TTL).await;
        assert_eq!(cache.get(&key).await.unwrap().tier, Tier::Redis);

        remote.lost.store(true, Ordering::SeqCst);
        let before = remote.calls.load(Ordering::SeqCst);
        assert_eq!(cache.get(&key).await, None);
        cache.set(&key, b"local", TTL).await;
        assert_eq!(
            cache.get(&key).await,
            Some(Hit {
                value: b"local".to_vec(),
                tier: Tier::Memory
            })
        );
        assert_eq!(remote.calls.load(Ordering::SeqCst), before + 1);

        remote.lost.store(false, Ordering::SeqCst);
        tokio::time::advance(REST).await;
        assert_eq!(
            cache.get(&key).await,
            Some(Hit {
                value: b"shared".to_vec(),
                tier: Tier::Redis
            })
        );
    }

    #[tokio::test]
    async fn without_a_remote_cache_the_process_remembers() {
        let cache = Tiered::new(None, Memory::new(10));
        let key = Key::analysis(Account::Anonymous, &"question").unwrap();
        cache.set(&key, b"local", TTL).await;
        assert_eq!(cache.get(&key).await.unwrap().tier, Tier::Memory);
    }
}
