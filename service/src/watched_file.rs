//! A file that somebody else provides and changes while the service runs: a mounted Secret. It is asked for its content,
//! because Kubernetes replaces one by swapping a link, which notifications lose sooner or later.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::bounded_file;

/// How soon a change is seen.
const INTERVAL: Duration = Duration::from_secs(1);

/// Far more than any secret needs.
const MOST_BYTES: u64 = 64 * 1024;

/// The file, and what it showed last.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    path: PathBuf,
    seen: Option<Seen>,
}

/// What a file showed: by its digest, so that no second copy of a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Content([u8; 32]),
    Error(io::ErrorKind),
}

impl WatchedFile {
    /// A file that nobody has looked at yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, seen: None }
    }

    /// What it holds, or why that cannot be read: where this is another answer than the last one.
    pub(crate) fn look(&mut self) -> Option<io::Result<Zeroizing<String>>> {
        let content = read(&self.path);
        let seen = match &content {
            Ok(text) => Seen::Content(Sha256::digest(text.as_bytes()).into()),
            Err(error) => Seen::Error(error.kind()),
        };
        if self.seen.as_ref() == Some(&seen) {
            return None;
        }
        self.seen = Some(seen);
        Some(content)
    }

    /// Looks again and again until it is stopped, and tells what is new.
    pub(crate) async fn follow(
        mut self,
        stop: CancellationToken,
        tell: impl Fn(&Path, io::Result<Zeroizing<String>>) + Send + Sync + 'static,
    ) {
        let tell = Arc::new(tell);
        loop {
            let tell = Arc::clone(&tell);
            // A network file system may take its time.
            let look = tokio::task::spawn_blocking(move || {
                if let Some(content) = self.look() {
                    tell(&self.path, content);
                }
                self
            });
            // Where it does not come back, the runtime is going down.
            let Ok(looked) = look.await else { return };
            self = looked;
            let pause = tokio::time::sleep(INTERVAL);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }
}

fn read(file: &Path) -> io::Result<Zeroizing<String>> {
    let content = bounded_file::read(file, MOST_BYTES)?;
    let text = String::from_utf8(content).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_content_and_each_fault_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let mut file = WatchedFile::new(path.clone());
        let mut look = || {
            file.look()
                .map(|content| content.map(|text| text.to_string()).map_err(|error| error.kind()))
        };
        assert_eq!(look(), Some(Err(io::ErrorKind::NotFound)));
        assert_eq!(look(), None);
        for content in ["one", "two", "one"] {
            fs::write(&path, content).unwrap();
            assert_eq!(look(), Some(Ok(content.to_owned())));
            assert_eq!(look(), None);
        }
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(look(), Some(Err(io::ErrorKind::InvalidData)));
        fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert_eq!(look(), Some(Err(io::ErrorKind::FileTooLarge)));
        assert_eq!(look(), None);
    }
}
