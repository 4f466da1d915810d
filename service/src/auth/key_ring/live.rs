use std::{
    collections::BTreeSet,
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

use super::{
    KeyRing, KeyRingError, Rules,
    files::{Files, Name},
};

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
        Ok(Self::of(Arc::new(KeyRing::load(dir, rules)?), dir, rules))
    }

    /// Begins with what was read from the directory a moment ago.
    pub fn of(ring: Arc<KeyRing>, dir: &Path, rules: Rules) -> Self {
        warn_of_exposed(&ring);
        Self {
            ring: watch::Sender::new(ring),
            source: Some(Source {
                dir: dir.to_owned(),
                rules,
            }),
        }
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
        let (mut trouble, mut missing) = (Trouble::default(), BTreeSet::new());
        loop {
            ticks.tick().await;
            let live = self.clone();
            match spawn_blocking(move || live.look()).await {
                Ok(Ok(change)) => {
                    (trouble, missing) = (Trouble::default(), BTreeSet::new());
                    if let Some(ring) = change {
                        let signer = ring.signer(OffsetDateTime::now_utc());
                        tracing::info!(
                            signer,
                            keys = ring.keys.len(),
                            "the key ring has changed and was taken over"
                        );
                        warn_of_exposed(&ring);
                    }
                }
                Ok(Err((error, gone))) => {
                    let lost: BTreeSet<Name> = missing.intersection(&gone).cloned().collect();
                    missing = gone;
                    self.drop_keys(&lost);
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

    /// Looks once. Where the directory cannot be used, it says which keys' files are gone from it all the same.
    fn look(&self) -> Result<Option<Arc<KeyRing>>, (KeyRingError, BTreeSet<Name>)> {
        self.reload().map_err(|error| {
            let gone = self
                .source
                .as_ref()
                .map(|source| Files::gone(&source.dir, &self.current().files));
            (error, gone.unwrap_or_default())
        })
    }

    /// A key that is taken away counts no more, whatever is wrong with the rest: it may have been stolen. That it is
    /// away is seen twice in a row, as files that are copied one by one are, too.
    fn drop_keys(&self, lost: &BTreeSet<Name>) {
        if lost.is_empty() {
            return;
        }
        let files: Vec<String> = lost.iter().map(Name::file_name).collect();
        tracing::error!(
            ?files,
            "these keys are gone from the key ring and count no more, though the rest of it is refused"
        );
        self.ring.send_modify(|ring| *ring = Arc::new(ring.without(lost)));
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

/// Whoever reads a private key is whoever they like to be.
fn warn_of_exposed(ring: &KeyRing) {
    if !ring.exposed.is_empty() {
        let files = &ring.exposed;
        tracing::warn!(
            ?files,
            "everybody on this machine may read private keys; take that away: chmod o-r"
        );
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
        os::unix::fs::{PermissionsExt as _, symlink},
        sync::{Mutex, PoisonError},
    };

    use tokio::time::sleep;
    use tracing::subscriber::DefaultGuard;

    use super::*;
    use crate::auth::key_ring::test_keys::{STRICT, ed25519, ed25519_public, folder, write};

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
        /// Keeps what this thread logs. Every test that watches needs one: the library decides once for all threads
        /// whether a line is wanted, by the first that comes to it.
        fn start() -> (Self, DefaultGuard) {
            let log = Self::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
            (log, tracing::subscriber::set_default(subscriber.finish()))
        }

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
        let (log, _logging) = Log::start();
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
        mount(dir.path(), "3", &[("a.pem", &ed25519(1)), ("c.pem", &ed25519(3))]);
        looks(10).await;
        let left = live.current();
        assert!(left.key("c").is_none(), "a broken ring was taken over");
        assert!(left.key("a").is_some() && left.key("b").is_none());
        assert_eq!((log.count(TAKEN), log.count(BROKEN)), (1, 1));

        mount(dir.path(), "4", &[("c.pem", &ed25519(3))]);
        looks(1).await;
        assert!(live.current().key("b").is_none());
        assert!(live.current().key("c").is_some());
        assert_eq!((log.count(TAKEN), log.count(BROKEN)), (2, 1));

        stop.cancel();
        watching.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_taken_away_counts_no_more_whatever_is_wrong_with_the_rest() {
        let (log, _logging) = Log::start();
        let looks = |count: u32| sleep(INTERVAL * count + INTERVAL / 2);
        let now = OffsetDateTime::now_utc();
        let dir = folder(&[
            ("a.pem", &ed25519(1)),
            ("b.pem", &ed25519(2)),
            ("c.pem", &ed25519(3)),
            ("ring.json", r#"{"signer": "a"}"#),
        ]);
        let at = |name: &str| dir.path().join(name);
        let live = LiveKeyRing::load(dir.path(), STRICT).unwrap();
        let before = live.current();
        let stop = CancellationToken::new();
        let watching = tokio::spawn(live.clone().watch(stop.clone()));

        // A file that is no key: what is there goes on, and nothing is dropped.
        write(dir.path(), &[("README.txt", "keys")]);
        looks(5).await;
        assert!(Arc::ptr_eq(&before, &live.current()));

        // The signer is taken away, and another key's file holds another key.
        fs::remove_file(at("a.pem")).unwrap();
        write(dir.path(), &[("b.pem", &ed25519(4))]);
        looks(3).await;
        let left = live.current();
        assert!(left.key("a").is_none() && left.key("b").is_none());
        assert_eq!(left.signer(now), Some("c"));
        assert_eq!(log.count("count no more"), 1);
        assert_ne!(
            left.digest(),
            before.digest(),
            "tokens that were seen are still known"
        );

        // Where the whole folder is gone, so are its keys.
        fs::remove_dir_all(dir.path()).unwrap();
        looks(3).await;
        assert_eq!(live.current().signer(now), None);

        fs::create_dir(dir.path()).unwrap();
        write(dir.path(), &[("a.pem", &ed25519(1))]);
        looks(1).await;
        assert_eq!(
            live.current().signer(now),
            Some("a"),
            "what comes back is taken over"
        );
        stop.cancel();
        watching.await.unwrap();
    }

    #[test]
    fn what_cannot_be_read_at_the_moment_is_not_gone() {
        let dir = folder(&[("a.pem", &ed25519(1)), ("b.pem", &ed25519(2))]);
        let mut digests = Files::read(dir.path()).unwrap().digests();
        assert!(Files::gone(dir.path(), &digests).is_empty());
        // A loop of links fails with neither a content nor its absence.
        fs::remove_file(dir.path().join("a.pem")).unwrap();
        symlink("a.pem", dir.path().join("a.pem")).unwrap();
        assert!(Files::gone(dir.path(), &digests).is_empty());
        digests.insert(Name::Pem("c".to_owned()), [0; 32]);
        assert_eq!(
            Files::gone(dir.path(), &digests),
            [Name::Pem("c".to_owned())].into()
        );
    }

    #[test]
    fn a_private_key_that_everybody_may_read_is_noticed_and_a_public_one_may_be_read() {
        let dir = folder(&[("a.pem", &ed25519(1)), ("b.pem", &ed25519_public(2))]);
        let exposed = |mode| {
            for name in ["a.pem", "b.pem"] {
                fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
            }
            KeyRing::load(dir.path(), STRICT).unwrap().exposed
        };
        assert_eq!(exposed(0o644), ["a.pem"]);
        assert!(exposed(0o640).is_empty());
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
