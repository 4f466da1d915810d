use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use time::OffsetDateTime;
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{KeyRing, KeyRingError, Rules, files::Files};

/// How soon a change is seen.
const INTERVAL: Duration = Duration::from_secs(1);

/// The ring as its directory is now. Clones share it.
#[derive(Debug, Clone)]
pub struct LiveKeyRing {
    ring: watch::Sender<Arc<KeyRing>>,
    source: Option<Source>,
}

#[derive(Debug, Clone)]
struct Source {
    dir: PathBuf,
    rules: Rules,
}

impl LiveKeyRing {
    /// Reads the directory for the first time, where every fault is an error.
    pub fn load(dir: &Path, rules: Rules) -> Result<Self, KeyRingError> {
        Ok(Self {
            ring: watch::Sender::new(Arc::new(KeyRing::load(dir, rules)?)),
            source: Some(Source {
                dir: dir.to_owned(),
                rules,
            }),
        })
    }

    /// A ring that stays as it is.
    pub fn fixed(ring: KeyRing) -> Self {
        Self {
            ring: watch::Sender::new(Arc::new(ring)),
            source: None,
        }
    }

    /// The ring of this moment. Costs a reference count; whoever works on one request takes it once.
    pub fn current(&self) -> Arc<KeyRing> {
        self.ring.borrow().clone()
    }

    /// Follows the directory until it is stopped. It is polled, because Kubernetes changes a mounted directory by
    /// swapping a link, which notifications lose sooner or later; and what counts is the content, not its times.
    pub async fn watch(self, stop: CancellationToken) {
        stop.run_until_cancelled_owned(self.follow(INTERVAL)).await;
    }

    pub(super) async fn follow(self, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut trouble = Trouble::default();
        loop {
            ticks.tick().await;
            let live = self.clone();
            match spawn_blocking(move || live.reload()).await {
                Ok(Ok(change)) => {
                    trouble = Trouble::default();
                    if let Some(ring) = change {
                        let signer = ring.signer(OffsetDateTime::now_utc());
                        tracing::info!(
                            signer,
                            keys = ring.keys.len(),
                            "the key ring has changed and was taken over"
                        );
                    }
                }
                Ok(Err(error)) => {
                    if let Some(reason) = trouble.tell(error.to_string()) {
                        tracing::error!(
                            reason,
                            "the key ring has changed and cannot be used; the one before it stays"
                        );
                    }
                }
                // The runtime is going down.
                Err(_) => return,
            }
        }
    }

    /// Takes the directory's content over if it is another than before, and returns it.
    pub(in crate::auth) fn reload(&self) -> Result<Option<Arc<KeyRing>>, KeyRingError> {
        let Some(Source { dir, rules }) = &self.source else {
            return Ok(None);
        };
        let files = Files::read(dir)?;
        if files.digest() == *self.current().digest() {
            return Ok(None);
        }
        let ring = Arc::new(KeyRing::from_files(&files, *rules, OffsetDateTime::now_utc())?);
        self.ring.send_replace(ring.clone());
        Ok(Some(ring))
    }
}

/// A fault is told when it is seen twice in a row, and once: files that are copied one by one make a ring that is
/// broken for a moment.
#[derive(Default)]
struct Trouble {
    seen: Option<String>,
    told: bool,
}

impl Trouble {
    fn tell(&mut self, reason: String) -> Option<&str> {
        if self.seen.as_ref() != Some(&reason) {
            self.seen = Some(reason);
            self.told = false;
            return None;
        }
        if self.told {
            return None;
        }
        self.told = true;
        self.seen.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_when_it_lasts_and_once() {
        let mut trouble = Trouble::default();
        let mut tell = |reason: &str| trouble.tell(reason.to_owned()).map(str::to_owned);
        assert_eq!(tell("a"), None);
        assert_eq!(tell("a").as_deref(), Some("a"));
        assert_eq!(tell("a"), None);
        assert_eq!(tell("b"), None);
        assert_eq!(tell("b").as_deref(), Some("b"));
    }
}
