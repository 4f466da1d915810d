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
        stop.run_until_cancelled_owned(self.follow()).await;
    }

    async fn follow(self) {
        let mut ticks = interval(INTERVAL);
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
    use std::{
        fs, io,
        os::unix::fs::symlink,
        sync::{Mutex, PoisonError},
    };

    use tokio::time::sleep;

    use super::*;
    use crate::auth::key_ring::test_keys::{STRICT, ed25519, folder, write};

    /// What Kubernetes does with a mounted Secret: a folder for each version, and one link that is swapped.
    fn mount(dir: &Path, version: &str, files: &[(&str, &str)]) {
        let content = dir.join(format!("..{version}"));
        fs::create_dir(&content).unwrap();
        write(&content, files);
        symlink(format!("..{version}"), dir.join("..data_tmp")).unwrap();
        fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
        for (name, _) in files {
            let _ = symlink(format!("..data/{name}"), dir.join(name));
        }
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn count(&self, text: &str) -> usize {
            let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&log).matches(text).count()
        }
    }

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // The clock is paused: it moves on when nothing is left to do, and stands while a folder is read.
    #[tokio::test(start_paused = true)]
    async fn a_swapped_mount_is_taken_over_and_a_broken_one_is_told_once() {
        const TAKEN: &str = "was taken over";
        const BROKEN: &str = "cannot be used";
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        let looks = |count: u32| sleep(INTERVAL * count + INTERVAL / 2);

        let dir = folder(&[]);
        mount(dir.path(), "1", &[("a.pem", &ed25519(1))]);
        let live = LiveKeyRing::load(dir.path(), STRICT).unwrap();
        let stop = CancellationToken::new();
        let watching = tokio::spawn(live.clone().watch(stop.clone()));
        looks(3).await;
        assert_eq!((log.count(TAKEN), log.count(BROKEN)), (0, 0));

        let both = [
            ("a.pem", ed25519(1)),
            ("b.pem", ed25519(2)),
            ("ring.json", r#"{"signer": "b"}"#.to_owned()),
        ];
        let both = both.each_ref().map(|(name, content)| (*name, content.as_str()));
        mount(dir.path(), "2", &both);
        looks(1).await;
        assert_eq!(live.current().signer(OffsetDateTime::now_utc()), Some("b"));
        assert_eq!((log.count(TAKEN), log.count(BROKEN)), (1, 0));

        // Without ring.json nobody says which of the two signs.
        let before = live.current();
        mount(dir.path(), "3", &[("a.pem", &ed25519(1)), ("c.pem", &ed25519(3))]);
        looks(10).await;
        assert!(
            Arc::ptr_eq(&before, &live.current()),
            "a broken ring was taken over"
        );
        assert_eq!((log.count(TAKEN), log.count(BROKEN)), (1, 1));

        mount(dir.path(), "4", &[("c.pem", &ed25519(3))]);
        looks(1).await;
        assert!(live.current().key("b").is_none());
        assert!(live.current().key("c").is_some());
        assert_eq!((log.count(TAKEN), log.count(BROKEN)), (2, 1));

        stop.cancel();
        watching.await.unwrap();
    }

    #[test]
    fn the_same_content_is_the_same_ring_and_another_is_another() {
        let dir = folder(&[("a.pem", &ed25519(1))]);
        let live = LiveKeyRing::load(dir.path(), STRICT).unwrap();
        let before = live.current();
        write(dir.path(), &[("a.pem", &ed25519(1))]);
        assert!(live.reload().unwrap().is_none());
        assert!(Arc::ptr_eq(&before, &live.current()));

        write(dir.path(), &[("a.pem", &ed25519(2))]);
        assert!(live.reload().unwrap().is_some());
        assert_ne!(before.digest(), live.current().digest());
    }

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
