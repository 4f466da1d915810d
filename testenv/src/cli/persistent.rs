//! The run that `up` starts and `down` ends: at most one per user.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::{
    cache_dir::CacheDir,
    client::{Connection, launch},
    file_lock::FileLock,
    host::Mode,
    program::this_program,
};

/// Where that run is written down.
pub(super) struct Persistent {
    folder: PathBuf,
}

impl Persistent {
    /// Of the user who has this cache folder.
    pub(super) fn of(cache: &CacheDir) -> anyhow::Result<Self> {
        Ok(Self {
            folder: cache.folder("up").context("cannot use the cache folder")?,
        })
    }

    /// Connects to it. `None`: nothing is up.
    pub(super) fn find(&self) -> Option<Connection> {
        let socket = fs::read_to_string(self.pointer()).ok()?;
        Connection::to(Path::new(&socket)).ok()
    }

    /// Connects to it, or says how to start it.
    pub(super) fn connect(&self) -> anyhow::Result<Connection> {
        self.find()
            .context("nothing is up: `cargo testenv up` starts a stack")
    }

    /// Connects to it, and starts it when nothing is up.
    pub(super) fn start(&self) -> anyhow::Result<Connection> {
        let _lock = FileLock::take(&self.folder.join("lock"))?;
        if let Some(connection) = self.find() {
            return Ok(connection);
        }
        let program = this_program().context("cannot find this program")?;
        let launched = launch(program, Mode::Persistent.name())?;
        let socket = launched
            .socket
            .to_str()
            .context("the socket's path is not text")?;
        fs::write(self.pointer(), socket).context("cannot write down where the host listens")?;
        Ok(Connection::to(&launched.socket)?)
    }

    /// Copies the kubeconfig to a path that is the same for every run.
    pub(super) fn publish_kubeconfig(&self, kubeconfig: &Path) -> anyhow::Result<PathBuf> {
        let path = self.kubeconfig();
        fs::copy(kubeconfig, &path)
            .and_then(|_| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Forgets a run that has ended.
    pub(super) fn forget(&self) -> anyhow::Result<()> {
        for path in [self.pointer(), self.kubeconfig()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn pointer(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }
}
