//! Nothing outlives its run: this process waits for its host to end, however it does, and removes what is left.
//!
//! It lives in a session of its own and blocks the signals by which a terminal or a supervisor ends a run, so that the
//! end of everything else is what sets it to work.

use std::{io::Read, time::Duration};

use nix::sys::signal::{SigSet, Signal};

use crate::{Error, cleanup, run::RunDir};

/// What a host says that has cleaned up by itself.
pub(crate) const CLEAN: &[u8] = b"clean";

/// A host that was killed may have had a request under way that the engine still carries out: nothing may have
/// appeared for this long.
const SETTLED: Duration = Duration::from_secs(5);

const LOOKS: u32 = 20;

/// Logs of runs whose host was killed that are kept.
const KEPT_LOGS: usize = 20;

/// Waits for the end of the process at the other end of standard input, then cleans up after its run.
pub(crate) fn watch(run: &RunDir) -> Result<(), Error> {
    let io = |doing: &'static str| move |error: nix::Error| Error::io(doing, error.into());
    // Before any thread starts, so that all inherit it.
    SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP])
        .thread_block()
        .map_err(io("block signals"))?;
    nix::unistd::setsid().map_err(io("start a session"))?;
    let mut last_words = Vec::new();
    // An error here is an end, too.
    let _ = std::io::stdin().read_to_end(&mut last_words);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::io("start a runtime", error))?;
    let outcome = runtime.block_on(clean_up(run, last_words == CLEAN));
    if let Err(error) = &outcome {
        // The folder stays, so that the next host on this machine tries again.
        note(run, error);
        return outcome;
    }
    run.remove()
}

async fn clean_up(run: &RunDir, host_was_clean: bool) -> Result<(), Error> {
    cleanup::clean(run).await?;
    if host_was_clean {
        return Ok(());
    }
    keep_log(run);
    for _ in 0..LOOKS {
        tokio::time::sleep(SETTLED / LOOKS).await;
        cleanup::clean(run).await?;
    }
    Ok(())
}

/// The log of a host that did not end by itself is what its user asks for next.
fn keep_log(run: &RunDir) {
    let Some(logs) = run.logs() else { return };
    let kept = std::fs::create_dir_all(&logs)
        .and_then(|()| std::fs::copy(run.host_log(), logs.join(format!("host-{}.log", run.id()))));
    if kept.is_ok() {
        let _ = forget_old_logs(&logs);
    }
}

fn forget_old_logs(logs: &std::path::Path) -> std::io::Result<()> {
    let mut hosts: Vec<_> = std::fs::read_dir(logs)?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("host-"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    hosts.sort();
    let surplus = hosts.len().saturating_sub(KEPT_LOGS);
    hosts
        .iter()
        .take(surplus)
        .try_for_each(|(_, path)| std::fs::remove_file(path))
}

fn note(run: &RunDir, error: &Error) {
    use std::io::Write;
    let Some(logs) = run.logs() else { return };
    let path = logs.join("watchdog.log");
    let _ = std::fs::create_dir_all(&logs)
        .and_then(|()| std::fs::OpenOptions::new().create(true).append(true).open(path))
        .and_then(|mut file| writeln!(file, "{error}"));
}
