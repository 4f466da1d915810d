//! Provisioning: detect what is there, fetch or build what is missing, verify it, keep it in the cache.
//!
//! Every step is safe to run twice at once (a lock per artefact) and to interrupt (artefacts appear whole or not at
//! all), and is silent when there is nothing to do.

mod artefact;
mod assets;
mod engine;
mod error;
mod external;
mod go;
mod images;
mod kubernetes;
mod progress;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;

use nix::sys::statvfs::statvfs;

pub use engine::Engine;
pub use error::{Error, Result};
pub use images::Image;
pub(crate) use images::has_mirror;
pub use kubernetes::KubernetesBinaries;
pub use progress::{Progress, Step};

use external::External;

use crate::cache_dir::{CacheDir, CacheLock};
use crate::clients;
use crate::run::{RUN_VARIABLE, RunId};

/// Makes the parts that a run needs, out of what the machine has.
#[derive(Debug, Clone)]
pub struct Provisioner {
    cache: CacheDir,
    progress: Progress,
    /// Where programs are looked for, if not on this process's own `PATH`.
    search_path: Option<OsString>,
    /// The run that its builds end with.
    run: Option<RunId>,
}

impl Provisioner {
    /// A provisioner that keeps its artefacts in `cache` and tells `progress` what it makes.
    pub fn new(cache: CacheDir, progress: Progress) -> Self {
        Self {
            cache,
            progress,
            search_path: None,
            run: None,
        }
    }

    /// The same provisioner for a run: a build that is under way when the run is killed ends with it.
    pub(crate) fn for_run(self, run: RunId) -> Self {
        Self {
            run: Some(run),
            ..self
        }
    }

    /// Makes all that the four test layers need, in the default versions.
    pub async fn everything(&self) -> Result<()> {
        let engine = self.engine().await?;
        for image in Image::all() {
            self.image(&engine, image).await?;
        }
        // The bare API server needs programs that no image has.
        self.kubernetes().await?;
        self.clients().await
    }

    /// Makes the environments that tests run stock clients in.
    pub(crate) async fn clients(&self) -> Result<()> {
        if clients::are_ready_in(&self.cache).await? {
            return Ok(());
        }
        let step = self
            .progress
            .begin("stock clients for Python and Node, and a browser");
        clients::provision_in(&self.cache).await?;
        step.done("");
        Ok(())
    }

    /// The same provisioner with stand-ins for the programs that it runs.
    #[cfg(test)]
    fn with_search_path(self, search_path: impl Into<OsString>) -> Self {
        Self {
            search_path: Some(search_path.into()),
            ..self
        }
    }

    /// A program that a step runs, on this provisioner's search path, with its output in the log `log`.
    fn external(&self, step: &str, tool: &str, remedy: &'static str, log: &str) -> Result<External> {
        let external = External::new(step, tool, remedy, self.log(log)?);
        Ok(match &self.search_path {
            Some(path) => external.env("PATH", path),
            None => external,
        })
    }

    /// A program that builds. Those that install are none of a run's: what they start stays up.
    fn builder(&self, step: &str, tool: &str, remedy: &'static str, log: &str) -> Result<External> {
        let external = self.external(step, tool, remedy, log)?;
        Ok(match &self.run {
            Some(run) => external.env(RUN_VARIABLE, run.as_str()),
            None => external,
        })
    }

    /// Waits for the lock on one artefact, and says so when another process is making it.
    async fn lock(&self, name: &str, artefact: &str) -> Result<CacheLock> {
        let waiting = format!("{artefact}: waiting for");
        let tell = |holder| {
            self.progress
                .say(format!("{waiting} {holder}, which provisions it too"));
        };
        let locked = self.cache.lock(name, tell).await;
        locked.map_err(|error| Error::file("locking the cache", self.cache.path(), error))
    }

    /// Where the output of a step's programs goes.
    fn log(&self, name: &str) -> Result<PathBuf> {
        Ok(self.folder("logs")?.join(format!("{name}.log")))
    }

    /// A folder below the cache, created if need be.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.cache.path().join(name);
        self.cache
            .folder(name)
            .map_err(|error| Error::file("preparing the cache", &path, error))
    }

    /// Refuses a step early when the cache's disk has no room for it.
    fn require_space(&self, step: &str, megabytes: u64) -> Result<()> {
        let folder = self.cache.path();
        let free = self
            .free_megabytes()
            .map_err(|error| Error::file(step, folder, error))?;
        match free >= megabytes {
            true => Ok(()),
            false => Err(Error::disk_full(step, folder, megabytes)),
        }
    }

    /// How much room the cache's disk has.
    pub(crate) fn free_megabytes(&self) -> std::io::Result<u64> {
        let stat = statvfs(self.cache.path())?;
        Ok(stat.blocks_available() * stat.fragment_size() / 1_000_000)
    }
}
