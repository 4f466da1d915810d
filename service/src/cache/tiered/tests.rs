use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{
    cache::{Breaker, BreakerState, RemoteSize},
    domain::Account,
};

const TTL: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(30);
const WORK: Duration = Duration::from_secs(10);

/// A remote cache that can be lost.
#[derive(Default)]
struct Flaky {
    lost: AtomicBool,
    calls: AtomicUsize,
    kept: Mutex<HashMap<String, (Vec<u8>, Instant)>>,
}

impl Flaky {
    fn call(&self) -> Result<(), Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.lost.load(Ordering::SeqCst) {
            true => Err(Error::Lost { class: "timeout" }),
            false => Ok(()),
        }
    }

    fn read(&self, key: &str) -> Option<Vec<u8>> {
        let kept = self.kept.lock().unwrap();
        kept.get(key)
            .filter(|(_, until)| Instant::now() < *until)
            .map(|(value, _)| value.clone())
    }

    fn write(&self, key: &str, value: &[u8], ttl: Duration) {
        let until = Instant::now() + ttl;
        self.kept
            .lock()
            .unwrap()
            .insert(key.to_owned(), (value.to_vec(), until));
    }
}

#[async_trait]
impl RemoteCache for Flaky {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.call()?;
        Ok(self.read(key.as_str()))
    }

    async fn set(&self, key: &Key, value: &[u8], ttl: Duration) -> Result<(), Error> {
        self.call()?;
        self.write(key.as_str(), value, ttl);
        Ok(())
    }

    async fn claim(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Claimed, Error> {
        self.call()?;
        if let Some(value) = self.read(key.as_str()) {
            return Ok(Claimed::Known(value));
        }
        if self.read(&key.claim()).is_some() {
            return Ok(Claimed::Elsewhere);
        }
        self.write(&key.claim(), owner.as_bytes(), ttl);
        Ok(Claimed::Here)
    }

    async fn prolong(&self, key: &Key, owner: &str, ttl: Duration) -> Result<(), Error> {
        self.call()?;
        if self.read(&key.claim()).as_deref() == Some(owner.as_bytes()) {
            self.write(&key.claim(), owner.as_bytes(), ttl);
        }
        Ok(())
    }

    async fn release(&self, key: &Key, owner: &str) -> Result<(), Error> {
        self.call()?;
        if self.read(&key.claim()).as_deref() == Some(owner.as_bytes()) {
            self.kept.lock().unwrap().remove(&key.claim());
        }
        Ok(())
    }

    async fn append(&self, _: &Key, _: u64, _: &[Vec<u8>], _: Duration) -> Result<(), Error> {
        self.call()
    }

    async fn entries(&self, _: &Key, _: u64, _: u32) -> Result<Vec<Vec<u8>>, Error> {
        self.call().map(|()| Vec::new())
    }

    async fn last_entry(&self, _: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.call().map(|()| None)
    }

    async fn clear(&self) -> Result<u64, Error> {
        self.call()?;
        Ok(self.kept.lock().unwrap().drain().count() as u64)
    }

    async fn size(&self) -> Result<RemoteSize, Error> {
        self.call()?;
        Ok(RemoteSize {
            keys: self.kept.lock().unwrap().len() as u64,
            used_memory_bytes: 0,
        })
    }

    async fn probe(&self) -> Result<(), Error> {
        self.call()
    }

    fn breaker(&self) -> Breaker {
        Breaker {
            state: BreakerState::Closed,
            since: OffsetDateTime::UNIX_EPOCH,
            error: None,
            opened: 0,
        }
    }
}

fn key() -> Key {
    Key::analysis(Account::Anonymous, &"question").unwrap()
}

fn replica(remote: &Arc<Flaky>) -> Tiered {
    Tiered::new(Some(remote.clone()), Memory::new(1_000_000))
}

fn hit(lookup: Lookup) -> Option<(Vec<u8>, Tier)> {
    match lookup {
        Lookup::Hit(hit) => Some((hit.value, hit.tier)),
        Lookup::Miss(_) => None,
    }
}

async fn find(cache: &Tiered) -> Option<(Vec<u8>, Tier)> {
    cache.find(&key()).await.map(|hit| (hit.value, hit.tier))
}

#[tokio::test]
async fn a_lost_remote_cache_is_stood_in_for_until_it_is_back_and_then_forgotten() {
    let remote = Arc::new(Flaky::default());
    let cache = replica(&remote);
    cache.set(&key(), b"shared", TTL).await;
    assert_eq!(cache.get(&key()).await.unwrap().tier, Tier::Redis);

    remote.lost.store(true, Ordering::SeqCst);
    assert_eq!(cache.get(&key()).await, None);
    cache.set(&key(), b"local", TTL).await;
    assert_eq!(find(&cache).await, Some((b"local".to_vec(), Tier::Memory)));

    remote.lost.store(false, Ordering::SeqCst);
    assert_eq!(find(&cache).await, Some((b"shared".to_vec(), Tier::Redis)));
    let other = Key::analysis(Account::Anonymous, &"another").unwrap();
    cache.set(&other, b"shared again", TTL).await;
    remote.lost.store(true, Ordering::SeqCst);
    assert_eq!(
        cache.get(&key()).await,
        None,
        "an answer of the outage before is served"
    );
    let stats = cache.stats();
    assert_eq!((stats.memory.hits, stats.redis.unwrap().hits), (1, 1));
}

#[tokio::test]
async fn an_answer_of_an_outage_is_handed_on_when_it_is_asked_for_again() {
    let remote = Arc::new(Flaky::default());
    let cache = replica(&remote);
    remote.lost.store(true, Ordering::SeqCst);
    cache.set(&key(), b"answer", TTL).await;
    remote.lost.store(false, Ordering::SeqCst);
    for tier in [Tier::Memory, Tier::Redis] {
        assert_eq!(cache.get(&key()).await.unwrap().tier, tier);
    }
    let (_, until) = remote.kept.lock().unwrap()[key().as_str()].clone();
    assert!(until <= Instant::now() + TTL, "it is remembered for longer");
    cache.memory.settle().await;
    assert_eq!(cache.stats().memory.size.entries, 0);
}

#[tokio::test]
async fn without_a_remote_cache_the_process_remembers_and_forgets() {
    let cache = Tiered::new(None, Memory::new(1_000_000));
    cache.set(&key(), b"local", TTL).await;
    assert_eq!(cache.get(&key()).await.unwrap().tier, Tier::Memory);
    assert_eq!(
        cache.clear().await.unwrap(),
        Cleared {
            memory: 1,
            redis: None
        }
    );
    assert_eq!(cache.get(&key()).await, None);
}

/// Asks as a request does: takes what is there, or works for a while.
async fn ask(cache: &Tiered, worked: &AtomicUsize) -> Vec<u8> {
    if let Some(hit) = cache.find(&key()).await {
        return hit.value;
    }
    match cache.look_up(&key(), PATIENCE).await {
        Lookup::Hit(hit) => hit.value,
        Lookup::Miss(flight) => {
            worked.fetch_add(1, Ordering::SeqCst);
            sleep(WORK).await;
            flight.land(b"answer", TTL).await;
            b"answer".to_vec()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_equal_requests_on_all_replicas_one_works_and_the_others_take_its_answer() {
    let remote = Arc::new(Flaky::default());
    let worked = Arc::new(AtomicUsize::new(0));
    let replicas = [replica(&remote), replica(&remote), replica(&remote)];
    let started = Instant::now();
    let asking: Vec<_> = (0..12)
        .map(|request| {
            let (cache, worked) = (replicas[request % 3].clone(), worked.clone());
            tokio::spawn(async move { ask(&cache, &worked).await })
        })
        .collect();
    for request in asking {
        assert_eq!(request.await.unwrap(), b"answer");
    }
    assert_eq!(worked.load(Ordering::SeqCst), 1);
    assert!(started.elapsed() < WORK + LOOK * 2, "{:?}", started.elapsed());
    let mut joined = 0;
    for replica in replicas {
        joined += replica.stats().joined;
    }
    assert_eq!(joined, 11);
}

#[tokio::test(start_paused = true)]
async fn a_miss_costs_one_look_and_one_claim_and_what_came_in_between_is_taken() {
    let remote = Arc::new(Flaky::default());
    let (one, other) = (replica(&remote), replica(&remote));
    assert_eq!(find(&one).await, None);
    assert_eq!(find(&other).await, None);
    remote.calls.store(0, Ordering::SeqCst);
    let Lookup::Miss(flight) = one.look_up(&key(), PATIENCE).await else {
        panic!("nobody has asked before");
    };
    assert_eq!(remote.calls.load(Ordering::SeqCst), 1);
    flight.land(b"answer", TTL).await;
    let answer = Some((b"answer".to_vec(), Tier::Redis));
    assert_eq!(hit(other.look_up(&key(), PATIENCE).await), answer);
    let stats = other.stats();
    assert_eq!((stats.redis.unwrap().hits, stats.joined, stats.misses), (1, 0, 0));

    let alone = Tiered::new(None, Memory::new(1_000_000));
    assert_eq!(find(&alone).await, None);
    alone.set(&key(), b"answer", TTL).await;
    let answer = Some((b"answer".to_vec(), Tier::Memory));
    assert_eq!(hit(alone.look_up(&key(), PATIENCE).await), answer);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_hands_its_work_on_even_to_another_replica() {
    let remote = Arc::new(Flaky::default());
    let (one, other) = (replica(&remote), replica(&remote));
    let Lookup::Miss(flight) = one.look_up(&key(), PATIENCE).await else {
        panic!("nobody has asked before");
    };
    let worked = Arc::new(AtomicUsize::new(0));
    let waiting = tokio::spawn({
        let worked = worked.clone();
        async move { ask(&other, &worked).await }
    });
    // Longer than a claim lasts that nobody prolongs.
    sleep(CLAIM * 2).await;
    assert_eq!(worked.load(Ordering::SeqCst), 0, "a claim was not prolonged");
    drop(flight);
    assert_eq!(waiting.await.unwrap(), b"answer");
    assert_eq!(worked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_dies_holds_nobody_up_for_longer_than_its_claim() {
    let remote = Arc::new(Flaky::default());
    remote
        .claim(&key(), "a replica that is gone", CLAIM)
        .await
        .unwrap();
    let started = Instant::now();
    assert_eq!(hit(replica(&remote).look_up(&key(), PATIENCE).await), None);
    assert!(started.elapsed() <= CLAIM + LOOK, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_claim_in_a_cache_that_is_lost() {
    let remote = Arc::new(Flaky::default());
    let (one, other) = (replica(&remote), replica(&remote));
    let _flight = one.look_up(&key(), PATIENCE).await;
    let waiting = tokio::spawn(async move { hit(other.look_up(&key(), PATIENCE).await) });
    sleep(LOOK).await;
    remote.lost.store(true, Ordering::SeqCst);
    let started = Instant::now();
    assert_eq!(waiting.await.unwrap(), None);
    assert!(started.elapsed() <= LOOK * 2, "{:?}", started.elapsed());
}
