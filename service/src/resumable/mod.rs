//! Streams that go on where they broke off. A run of this kind belongs to nobody's connection: it goes on for a while
//! when its reader is gone, and its events are kept, here and in Redis, so that any replica can tell them.

mod follow;
mod log;
mod publish;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream::BoxStream};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::{
    cache::{self, Key, RemoteCache},
    domain::{Account, AnalysisId},
};
use follow::follow;
use log::Log;
use publish::publish;

/// How long a run goes on that nobody reads.
const GRACE: Duration = Duration::from_secs(60);

/// How long its events are kept after the last one.
const KEPT: Duration = Duration::from_secs(300);

/// The most runs that are kept in this process. The events of each are bounded by what a panel may say.
const MOST: usize = 256;

/// One event, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its data: JSON.
    pub data: String,
}

impl Entry {
    /// Whether nothing follows.
    fn is_last(&self) -> bool {
        matches!(self.name.as_str(), "analysis.completed" | "analysis.failed")
    }
}

/// Events with their numbers, as they come.
pub type Entries = BoxStream<'static, (u64, Entry)>;

/// How a run ends that does not end by itself.
#[derive(Debug, Clone)]
pub struct Endings {
    /// Nobody has read it for too long.
    pub abandoned: Entry,
    /// Its replica is gone.
    pub broken_off: Entry,
}

/// There are too many runs of this kind already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MOST} streams that can be resumed are under way")]
pub struct TooMany;

/// The runs of this process, and the way to those of others. Clones are one.
#[derive(Clone)]
pub struct Runs(Arc<Inner>);

struct Inner {
    remote: Option<Arc<dyn RemoteCache>>,
    runs: Mutex<HashMap<Key, Run>>,
}

struct Run {
    log: Arc<Log>,
    began: Instant,
}

impl Runs {
    /// With a remote cache, every replica that shares it can tell the events.
    pub fn new(remote: Option<Arc<dyn RemoteCache>>) -> Self {
        Self(Arc::new(Inner {
            remote,
            runs: Mutex::default(),
        }))
    }

    /// Lets an account's run go on by itself. What is `held` is let go when it is over. Dropping `events` cancels it.
    pub fn begin(
        &self,
        account: Account,
        id: AnalysisId,
        events: impl Stream<Item = Entry> + Send + 'static,
        endings: &Endings,
        held: impl Send + 'static,
    ) -> Result<Entries, TooMany> {
        let key = Key::events(account, id);
        let log = Arc::new(Log::default());
        self.keep(key.clone(), log.clone())?;
        let entries = log.clone().read(0);
        let (this, abandoned) = (self.clone(), endings.abandoned.clone());
        let published = self.0.remote.clone().map(|remote| (remote, key.clone()));
        if let Some((remote, key)) = published.clone() {
            tokio::spawn(publish(remote, key, log.clone()));
        }
        tokio::spawn(async move {
            {
                let mut events = std::pin::pin!(events);
                let mut nobody = std::pin::pin!(nobody_reads(&log, published));
                loop {
                    tokio::select! {
                        event = events.next() => match event {
                            Some(event) => log.push(event),
                            None => break,
                        },
                        () = &mut nobody => {
                            log.push(abandoned);
                            break;
                        }
                    }
                }
            }
            log.end();
            drop(held);
            sleep(KEPT).await;
            this.lock().remove(&key);
        });
        Ok(entries)
    }

    /// The events of an account's run from this number on; `None`: there is no such run, or not any more.
    pub async fn resume(
        &self,
        account: Account,
        id: AnalysisId,
        from: u64,
        endings: &Endings,
    ) -> Result<Option<Entries>, cache::Error> {
        let key = Key::events(account, id);
        let here = self.lock().get(&key).map(|run| run.log.clone());
        match (here, &self.0.remote) {
            (Some(log), _) => Ok(Some(log.read(from))),
            (None, Some(remote)) => follow(remote.clone(), key, from, endings.broken_off.clone()).await,
            (None, None) => Ok(None),
        }
    }

    /// Makes room by what is over, the oldest first.
    fn keep(&self, key: Key, log: Arc<Log>) -> Result<(), TooMany> {
        let mut runs = self.lock();
        if runs.len() >= MOST {
            let over = runs.iter().filter(|(_, run)| run.log.has_ended());
            let oldest = over.min_by_key(|(_, run)| run.began).map(|(key, _)| key.clone());
            runs.remove(&oldest.ok_or(TooMany)?);
        }
        let began = Instant::now();
        runs.insert(key, Run { log, began });
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Run>> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when nobody has read the run for the time of grace, neither here nor on another replica.
async fn nobody_reads(log: &Log, remote: Option<(Arc<dyn RemoteCache>, Key)>) {
    loop {
        log.nobody_reads().await;
        let until = Instant::now() + GRACE;
        while !log.is_read() && Instant::now() < until {
            sleep(Duration::from_millis(500)).await;
        }
        let elsewhere = match &remote {
            Some((remote, key)) => matches!(remote.get(&key.watched()).await, Ok(Some(_))),
            None => false,
        };
        if !log.is_read() && !elsewhere {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
