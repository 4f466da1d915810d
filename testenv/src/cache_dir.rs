//! The folder in which provisioned artefacts outlive a run, shared by every run of one user.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// `$XDG_CACHE_HOME/ultra/testenv`, or the same under `$HOME/.cache`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheDir {
    root: PathBuf,
}

/// There is no place for the cache folder.
#[derive(Debug, thiserror::Error)]
pub enum CacheDirError {
    /// Neither variable names a folder.
    #[error("no cache folder: set XDG_CACHE_HOME or HOME to a folder that you may write to")]
    NoHome,
    /// The folder cannot be made.
    #[error("cannot use the cache folder {}: {source}; set XDG_CACHE_HOME to a folder that you may write to", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl CacheDir {
    /// The user's own cache folder, created if need be.
    pub fn from_env() -> Result<Self, CacheDirError> {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let base = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .ok_or(CacheDirError::NoHome)?;
        Self::at(base.join("ultra").join("testenv"))
    }

    /// A cache at a path of the caller's choice, created if need be.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self, CacheDirError> {
        let root = root.into();
        match fs::create_dir_all(&root) {
            Ok(()) => Ok(Self { root }),
            Err(source) => Err(CacheDirError::Unusable { path: root, source }),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// A folder below the cache, created if need be.
    pub fn folder(&self, name: impl AsRef<Path>) -> io::Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Waits until this process alone holds the lock `name`; `on_wait` is told, once, which process has it now.
    ///
    /// The kernel releases the lock with its process, so a killed run never blocks the next one.
    pub async fn lock(&self, name: &str, on_wait: impl FnOnce(Holder)) -> io::Result<CacheLock> {
        let path = self.folder("locks")?.join(format!("{name}.lock"));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        let mut on_wait = Some(on_wait);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if let Some(tell) = on_wait.take() {
                tell(Holder::read(&mut file));
            }
            tokio::time::sleep(LOCK_POLL_INTERVAL).await;
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())?;
        Ok(CacheLock { _file: file })
    }
}

/// Held until it is dropped or its process ends.
#[derive(Debug)]
pub struct CacheLock {
    _file: File,
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Absent in the moment between locking and writing the id down.
    pub pid: Option<u32>,
}

impl Holder {
    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
        Self {
            pid: read.ok().and_then(|_| text.trim().parse().ok()),
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

/// Makes `target` appear complete or not at all: `write` fills a temporary file beside it, which is then renamed.
pub fn write_atomically(target: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    temporary.persist(target).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn cache() -> (tempfile::TempDir, CacheDir) {
        let folder = tempfile::tempdir().unwrap();
        let cache = CacheDir::at(folder.path().join("cache")).unwrap();
        (folder, cache)
    }

    #[tokio::test]
    async fn a_second_holder_waits_for_the_first_and_learns_who_it_is() {
        let (_folder, cache) = cache();
        let first = cache.lock("image", |_| panic!("nobody else")).await.unwrap();
        let (told, heard) = std::sync::mpsc::channel();
        let second = tokio::spawn({
            let cache = cache.clone();
            async move {
                cache
                    .lock("image", move |holder| told.send(holder).unwrap())
                    .await
            }
        });
        let holder = tokio::task::spawn_blocking(move || heard.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(holder.pid, Some(std::process::id()));
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn only_one_holder_is_inside_at_any_time() {
        let (_folder, cache) = cache();
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (cache, inside) = (cache.clone(), Arc::clone(&inside));
                tokio::spawn(async move {
                    let _lock = cache.lock("one", |_| {}).await.unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }

    #[test]
    fn an_interrupted_write_leaves_the_old_artefact_and_no_debris() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("artefact");
        write_atomically(&target, |file| file.write_all(b"whole")).unwrap();
        let interrupted = write_atomically(&target, |file| {
            file.write_all(b"ha")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert!(interrupted.is_err());
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_unusable_folder_names_the_variable_that_moves_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = CacheDir::at(file.join("cache")).unwrap_err().to_string();
        assert!(error.contains("XDG_CACHE_HOME"), "{error}");
    }
}
