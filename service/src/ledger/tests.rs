use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicUsize},
    },
};

use async_trait::async_trait;
use tempfile::TempDir;
use time::Date;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    domain::{ModelId, Outcome},
    llm::{self, Message, mock::Mock},
    store::{self, DailyUsage, UsageRecord, UsageStore},
};

/// A store that is away, or slow.
#[derive(Default)]
struct Fake {
    rows: Mutex<BTreeMap<Uuid, UsageRecord>>,
    /// How often it fails yet.
    failures: AtomicU32,
    is_away: AtomicBool,
    pause: Option<Duration>,
    batches: AtomicUsize,
}

impl Fake {
    fn rows(&self) -> Vec<UsageRecord> {
        self.rows.lock().unwrap().values().cloned().collect()
    }
}

#[async_trait]
impl UsageStore for Fake {
    async fn append_usage(&self, records: &[UsageRecord]) -> Result<(), store::Error> {
        self.batches.fetch_add(1, Ordering::Relaxed);
        if let Some(pause) = self.pause {
            tokio::time::sleep(pause).await;
        }
        let fails = self
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok();
        if fails || self.is_away.load(Ordering::Relaxed) {
            return Err(store::Error::Timeout);
        }
        let mut rows = self.rows.lock().unwrap();
        for record in records {
            assert!(
                rows.insert(record.id, record.clone()).is_none(),
                "a record came twice"
            );
        }
        Ok(())
    }

    async fn usage_by_day(
        &self,
        _: Option<Account>,
        _: Date,
        _: Date,
    ) -> Result<Vec<DailyUsage>, store::Error> {
        Err(store::Error::Timeout)
    }

    async fn prepare_usage(&self, _: Date, _: Date) -> Result<(), store::Error> {
        Err(store::Error::Timeout)
    }

    async fn forget_usage(&self, _: Duration) -> Result<u64, store::Error> {
        Err(store::Error::Timeout)
    }
}

struct Running {
    ledger: Ledger,
    store: Arc<Fake>,
    stop: CancellationToken,
    folder: TempDir,
}

impl Running {
    fn with(store: Fake) -> Self {
        let folder = TempDir::new().unwrap();
        let ledger = open(&folder);
        let (store, stop) = (Arc::new(store), CancellationToken::new());
        tokio::spawn(ledger.clone().sync(stop.clone()));
        tokio::spawn(ledger.clone().write(store.clone(), stop.clone()));
        Self {
            ledger,
            store,
            stop,
            folder,
        }
    }

    async fn one(&self) -> Result<(), Full> {
        let entry = self.ledger.begin(request()).await?;
        entry.finish(Outcome::Completed).unwrap();
        Ok(())
    }

    async fn close(&self, within: Duration) {
        self.ledger.close(Instant::now() + within).await;
        self.stop.cancel();
    }
}

fn open(folder: &TempDir) -> Ledger {
    let config = config::Ledger {
        spool_size: 2 * 1_024 * 1_024,
        retention: Duration::MAX,
    };
    let price = config::Price {
        input_per_million: "1000".parse().unwrap(),
        output_per_million: "1000".parse().unwrap(),
        long_prompts: None,
    };
    let prices = BTreeMap::from([(model("mock/analyst"), price)]);
    Ledger::open(folder.path(), &config, Prices::from(prices)).unwrap()
}

fn model(name: &str) -> ModelId {
    name.parse().unwrap()
}

fn request() -> Request {
    Request {
        account: Account::Anonymous,
        key: None,
        operation: Operation::Panel,
        analysis: None,
    }
}

fn question(model: ModelId) -> llm::Request {
    llm::Request {
        max_output_tokens: Some(100),
        ..llm::Request::new(model, vec![Message::user("What is it?")])
    }
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_store_that_fails_again_and_again_gets_each_record_once_in_the_end() {
    let running = Running::with(Fake {
        failures: AtomicU32::new(3),
        ..Fake::default()
    });
    for _ in 0..1_500 {
        running.one().await.unwrap();
    }
    running.close(LONG).await;
    assert_eq!(running.store.rows().len(), 1_500);
    assert_eq!(running.ledger.status().waiting, 0);
    let batches = running.store.batches.load(Ordering::Relaxed);
    assert!(batches < 50, "{batches} batches are not batches");
}

#[tokio::test]
async fn where_the_store_is_slower_than_the_load_requests_wait_and_none_is_lost() {
    const REQUESTS: usize = 20_000;
    let running = Running::with(Fake {
        pause: Some(Duration::from_millis(25)),
        ..Fake::default()
    });
    let mut most = 0;
    for _ in 0..REQUESTS {
        running.one().await.unwrap();
        most = most.max(running.ledger.status().bytes);
    }
    assert_eq!(
        most,
        running.ledger.status().limit,
        "it was never full, so nothing is shown"
    );
    running.close(LONG).await;
    assert_eq!(running.store.rows().len(), REQUESTS);
    assert_eq!(running.ledger.status().refused, 0);
}

#[tokio::test]
async fn a_store_that_is_away_keeps_nobody_waiting_once_the_spool_is_full() {
    let running = Running::with(Fake {
        is_away: AtomicBool::new(true),
        ..Fake::default()
    });
    let mut answered = 0;
    while running.one().await.is_ok() {
        answered += 1;
    }
    let asked = Instant::now();
    for _ in 0..100 {
        assert_eq!(running.one().await, Err(Full));
    }
    assert!(asked.elapsed() < PATIENCE, "{:?}", asked.elapsed());
    assert_eq!(running.ledger.status().refused, 101);
    assert!(!running.ledger.status().storing);

    running.close(Duration::from_millis(10)).await;
    assert_eq!(running.store.rows(), []);
    let next = open(&running.folder);
    assert_eq!(next.status().waiting, answered);
    let stop = CancellationToken::new();
    running.store.is_away.store(false, Ordering::Relaxed);
    tokio::spawn(next.clone().write(running.store.clone(), stop.clone()));
    next.close(Instant::now() + LONG).await;
    assert_eq!(running.store.rows().len() as u64, answered);
    stop.cancel();
}

#[tokio::test]
async fn a_request_costs_what_its_calls_took_and_what_is_broken_off_is_guessed() {
    let running = Running::with(Fake::default());
    let entry = running.ledger.begin(request()).await.unwrap();
    let models = entry.meter().metering(Arc::new(Mock::default()));
    let whole = llm::complete(&models, question(model("mock/analyst")))
        .await
        .unwrap();
    let unpriced = llm::complete(&models, question(model("mock/skeptic")))
        .await
        .unwrap();
    assert!(
        llm::complete(&models, question(model("mock/unavailable")))
            .await
            .is_err()
    );
    entry.finish(Outcome::Failed).unwrap();

    let entry = running.ledger.begin(request()).await.unwrap();
    let models = entry.meter().metering(Arc::new(Mock::default()));
    let mut broken_off = models.stream(question(model("mock/analyst"))).await.unwrap();
    let mut written = 0;
    for _ in 0..10 {
        let Some(Ok(llm::Delta::Text(text))) = futures::StreamExt::next(&mut broken_off).await else {
            panic!("the answer is too short");
        };
        written += text.len();
    }
    drop((broken_off, entry));
    running.close(LONG).await;

    let rows = running.store.rows();
    let [failed, cancelled] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (failed.outcome, cancelled.outcome),
        (Outcome::Failed, Outcome::Cancelled)
    );
    assert_eq!(failed.usage, whole.usage + unpriced.usage);
    assert_eq!(failed.cost.millionths(), whole.usage.total() * 1_000);
    assert_eq!(cancelled.usage.input_tokens, 3, "eleven bytes");
    assert_eq!(cancelled.usage.output_tokens, written.div_ceil(4) as u64);
    assert_eq!(cancelled.cost.millionths(), cancelled.usage.total() * 1_000);
}
