//! The host process of a run: the only one that talks to the container engine and starts Kubernetes' processes.
//!
//! It serves the requests of [`crate::protocol`] on a Unix socket. Every part starts with the first request for it,
//! once, and is shared by all clients, except for what is made for one connection, which goes with that.

mod container;
mod context;
mod front;
mod lifetime;
mod postgres;
mod postgres_faults;
mod probe;
mod proxy;
mod redis;
mod redis_faults;
mod server;
mod servers;
mod service;
mod session;
mod stack;
mod status;

pub(crate) use context::Context;
pub(crate) use lifetime::Mode;

use std::{
    io::Write,
    process::{Child, ChildStdin, Stdio},
    sync::Arc,
};

use crate::{
    Error,
    cache_dir::CacheDir,
    cleanup,
    program::this_program,
    provision::{Progress, Provisioner},
    run::RunDir,
};

/// Serves one run until it ends by `mode`, and leaves nothing of it.
///
/// `announce` is told the socket's path when the host listens there.
pub(crate) async fn serve(
    mode: Mode,
    cache: CacheDir,
    announce: impl FnOnce(&std::path::Path) -> std::io::Result<()>,
) -> Result<(), Error> {
    let runs = cache.path().join("runs");
    let (run, _lock) = RunDir::create(&runs)?;
    // Before anything else is made: it removes what this process cannot.
    let mut watchdog = Watchdog::start(&run)?;
    log_to(&run)?;
    let sweep = tokio::spawn(cleanup::sweep(runs));
    let provisioner =
        Provisioner::new(cache, Progress::to(|line| tracing::info!("{line}"))).for_run(run.id().clone());
    let context = Arc::new(Context::new(run.clone(), provisioner));
    let server = server::Server::bind(context)?;
    announce(&run.socket()).map_err(|error| Error::io("tell where the host listens", error))?;
    server.run(mode).await;
    sweep.abort();
    // What this cannot remove, the watchdog tries again.
    match cleanup::clean(&run).await {
        Ok(()) => watchdog.tell_clean(),
        Err(leftover) => tracing::error!("{leftover}"),
    }
    Ok(())
}

fn log_to(run: &RunDir) -> Result<(), Error> {
    let path = run.host_log();
    let file = std::fs::File::create(&path).map_err(Error::at("create", &path))?;
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Arc::new(file))
        .with_ansi(false)
        .with_target(false)
        .finish();
    // In a test, the process may have a subscriber already: then that one has the log.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// The run's watchdog, which acts when the pipe to it closes, however this process ends.
struct Watchdog {
    pipe: ChildStdin,
    _child: Child,
}

impl Watchdog {
    fn start(run: &RunDir) -> Result<Self, Error> {
        let start = |error| Error::io("start the run's watchdog", error);
        let mut child = this_program().map_err(start)?
            .arg("watchdog")
            .arg("--run")
            .arg(run.path())
            // This host may itself be a process of another run, which must not take the watchdog with it.
            .env_remove(crate::run::RUN_VARIABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(start)?;
        let pipe = child
            .stdin
            .take()
            .ok_or_else(|| start(std::io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self { pipe, _child: child })
    }

    fn tell_clean(&mut self) {
        // A watchdog that is gone has nothing left to do either.
        let _ = self.pipe.write_all(crate::watchdog::CLEAN);
    }
}
