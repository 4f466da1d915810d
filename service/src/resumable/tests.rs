use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use futures::stream;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::*;
use crate::cache::{Breaker, BreakerState, Claimed, Error, RemoteSize};

/// A remote cache that can be lost.
#[derive(Default)]
struct Shared {
    lost: AtomicBool,
    values: Mutex<HashMap<Key, (Vec<u8>, Instant)>>,
    logs: Mutex<HashMap<Key, BTreeMap<u64, Vec<u8>>>>,
}

impl Shared {
    fn call(&self) -> Result<(), Error> {
        match self.lost.load(Ordering::SeqCst) {
            true => Err(Error::Lost { class: "timeout" }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl RemoteCache for Shared {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.call()?;
        let values = self.values.lock().unwrap();
        let kept = values.get(key).filter(|(_, until)| Instant::now() < *until);
        Ok(kept.map(|(value, _)| value.clone()))
    }

    async fn set(&self, key: &Key, value: &[u8], ttl: Duration) -> Result<(), Error> {
        self.call()?;
        let kept = (value.to_vec(), Instant::now() + ttl);
        self.values.lock().unwrap().insert(key.clone(), kept);
        Ok(())
    }

    async fn claim(&self, _: &Key, _: &str, _: Duration) -> Result<Claimed, Error> {
        self.call().map(|()| Claimed::Here)
    }

    async fn prolong(&self, _: &Key, _: &str, _: Duration) -> Result<(), Error> {
        self.call()
    }

    async fn release(&self, _: &Key, _: &str) -> Result<(), Error> {
        self.call()
    }

    async fn append(&self, key: &Key, first: u64, entries: &[Vec<u8>], _: Duration) -> Result<(), Error> {
        self.call()?;
        let mut logs = self.logs.lock().unwrap();
        let log = logs.entry(key.clone()).or_default();
        log.extend((first..).zip(entries.iter().cloned()));
        Ok(())
    }

    async fn entries(&self, key: &Key, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, Error> {
        self.call()?;
        let logs = self.logs.lock().unwrap();
        let log = logs.get(key).into_iter().flat_map(|log| log.range(from..));
        Ok(log.take(limit as usize).map(|(_, entry)| entry.clone()).collect())
    }

    async fn last_entry(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.call()?;
        let logs = self.logs.lock().unwrap();
        let last = logs.get(key).and_then(|log| log.last_key_value());
        Ok(last.map(|(_, entry)| entry.clone()))
    }

    async fn clear(&self) -> Result<u64, Error> {
        self.call().map(|()| 0)
    }

    async fn size(&self) -> Result<RemoteSize, Error> {
        self.call().map(|()| RemoteSize {
            keys: 0,
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

fn entry(name: &str) -> Entry {
    Entry {
        name: name.to_owned(),
        data: "{}".to_owned(),
    }
}

fn endings() -> Endings {
    Endings {
        abandoned: entry("analysis.failed"),
        broken_off: Entry {
            data: "broken off".to_owned(),
            ..entry("analysis.failed")
        },
    }
}

/// A run whose events a test sends, and which tells when it was cancelled or is over.
struct Driven {
    send: mpsc::UnboundedSender<Entry>,
    over: Arc<AtomicBool>,
    id: AnalysisId,
}

struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Driven {
    fn begin(runs: &Runs) -> (Self, Entries) {
        let (send, mut receive) = mpsc::unbounded_channel();
        let over = Arc::new(AtomicBool::new(false));
        let guard = Over(over.clone());
        let events = stream::poll_fn(move |context| {
            let _ = &guard;
            receive.poll_recv(context)
        });
        let id = AnalysisId::generate();
        let entries = runs
            .begin(Account::Anonymous, id, events, &endings(), ())
            .unwrap();
        (Self { send, over, id }, entries)
    }

    fn tell(&self, names: &[&str]) {
        for name in names {
            self.send.send(entry(name)).unwrap();
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    async fn resume(&self, runs: &Runs, from: u64) -> Option<Entries> {
        runs.resume(Account::Anonymous, self.id, from, &endings())
            .await
            .unwrap()
    }
}

async fn take(entries: &mut Entries, count: usize) -> Vec<(u64, String)> {
    let some = entries
        .by_ref()
        .take(count)
        .map(|(number, entry)| (number, entry.name));
    some.collect().await
}

fn numbered(first: u64, names: &[&str]) -> Vec<(u64, String)> {
    (first..)
        .zip(names.iter().map(|name| (*name).to_owned()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_reads_on_where_they_were_and_again_once_it_is_over() {
    let runs = Runs::new(None);
    let (run, mut entries) = Driven::begin(&runs);
    run.tell(&["a", "b", "c"]);
    assert_eq!(take(&mut entries, 2).await, numbered(0, &["a", "b"]));
    drop(entries);
    sleep(Duration::from_secs(30)).await;
    run.tell(&["d"]);
    let mut entries = run.resume(&runs, 2).await.unwrap();
    assert_eq!(take(&mut entries, 2).await, numbered(2, &["c", "d"]));
    sleep(GRACE * 2).await;
    assert!(!run.is_over(), "somebody reads it");
    run.tell(&["analysis.completed"]);
    let Driven { send, over, id } = run;
    drop(send);
    assert_eq!(take(&mut entries, 9).await, numbered(4, &["analysis.completed"]));
    assert!(over.load(Ordering::SeqCst));

    let resume = async |account| runs.resume(account, id, 0, &endings()).await.unwrap();
    assert_eq!(
        take(&mut resume(Account::Anonymous).await.unwrap(), 9)
            .await
            .len(),
        5
    );
    let stranger = Account::User(crate::domain::UserId::generate());
    assert!(resume(stranger).await.is_none());
    sleep(KEPT * 2).await;
    assert!(
        resume(Account::Anonymous).await.is_none(),
        "it is kept for a while only"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_reads_ends_after_its_time_and_says_so() {
    let runs = Runs::new(None);
    let (run, entries) = Driven::begin(&runs);
    run.tell(&["a"]);
    sleep(GRACE * 3).await;
    assert!(!run.is_over(), "a slow reader is a reader");
    drop(entries);
    sleep(GRACE - Duration::from_secs(1)).await;
    assert!(!run.is_over());
    sleep(Duration::from_secs(2)).await;
    assert!(run.is_over(), "it is cancelled");
    let mut entries = run.resume(&runs, 0).await.unwrap();
    assert_eq!(
        take(&mut entries, 9).await,
        numbered(0, &["a", "analysis.failed"])
    );
}

#[tokio::test(start_paused = true)]
async fn another_replica_tells_the_same_events_and_keeps_the_run_going() {
    let remote = Arc::new(Shared::default());
    let replica = || Runs::new(Some(remote.clone() as Arc<dyn RemoteCache>));
    let (one, other) = (replica(), replica());
    let (run, entries) = Driven::begin(&one);
    run.tell(&["a", "b", "c"]);
    drop(entries);
    sleep(Duration::from_secs(1)).await;
    let mut entries = run.resume(&other, 1).await.unwrap();
    assert_eq!(take(&mut entries, 2).await, numbered(1, &["b", "c"]));
    let reading = tokio::spawn(async move { take(&mut entries, 9).await });
    sleep(GRACE * 3).await;
    assert!(!run.is_over(), "it is read elsewhere");
    run.tell(&["d", "analysis.completed"]);
    drop(run.send);
    assert_eq!(reading.await.unwrap(), numbered(3, &["d", "analysis.completed"]));

    let mut beyond = other
        .resume(Account::Anonymous, run.id, 5, &endings())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(take(&mut beyond, 9).await, [], "nothing follows the last event");
    let unknown = AnalysisId::generate();
    let unknown = other.resume(Account::Anonymous, unknown, 0, &endings()).await;
    assert!(unknown.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn events_wait_for_a_lost_cache_and_a_replica_that_is_gone_is_told() {
    let remote = Arc::new(Shared::default());
    let replica = || Runs::new(Some(remote.clone() as Arc<dyn RemoteCache>));
    let (one, other) = (replica(), replica());
    remote.lost.store(true, Ordering::SeqCst);
    let (run, entries) = Driven::begin(&one);
    run.tell(&["a", "b"]);
    sleep(Duration::from_secs(1)).await;
    assert!(
        other
            .resume(Account::Anonymous, run.id, 0, &endings())
            .await
            .is_err()
    );
    remote.lost.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(5)).await;
    let mut elsewhere = run.resume(&other, 0).await.unwrap();
    assert_eq!(take(&mut elsewhere, 2).await, numbered(0, &["a", "b"]));

    // As the replica's death: nobody says any more that the run goes on.
    drop(entries);
    let key = Key::events(Account::Anonymous, run.id);
    let gone = AnalysisId::generate();
    let events = remote.logs.lock().unwrap()[&key].clone();
    remote
        .logs
        .lock()
        .unwrap()
        .insert(Key::events(Account::Anonymous, gone), events);
    let mut elsewhere = other
        .resume(Account::Anonymous, gone, 0, &endings())
        .await
        .unwrap()
        .unwrap();
    let (number, last) = elsewhere.by_ref().collect::<Vec<_>>().await.pop().unwrap();
    assert_eq!((number, last.data.as_str()), (2, "broken off"));
}

#[tokio::test(start_paused = true)]
async fn there_are_so_many_at_once_and_what_is_over_makes_room() {
    let runs = Runs::new(None);
    let all: Vec<_> = (0..MOST).map(|_| Driven::begin(&runs)).collect();
    let begin = || {
        let id = AnalysisId::generate();
        runs.begin(Account::Anonymous, id, stream::empty(), &endings(), ())
            .map(drop)
    };
    assert_eq!(begin(), Err(TooMany));
    all[7].0.tell(&["analysis.completed"]);
    let (first, ..) = all.into_iter().nth(7).unwrap();
    drop(first.send);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(begin(), Ok(()));
}
