//! `cargo testenv down`: ends what `up` started, and returns when nothing of it is left.

use std::{io::Write, process::ExitCode, time::Duration};

use super::persistent::Persistent;
use crate::{cache_dir::CacheDir, protocol::Request};

/// A cluster with pods takes longest.
const DEADLINE: Duration = Duration::from_secs(180);

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let persistent = Persistent::of(&CacheDir::from_env()?)?;
    let Some(connection) = persistent.find() else {
        persistent.forget()?;
        writeln!(std::io::stderr(), "nothing is up")?;
        return Ok(ExitCode::SUCCESS);
    };
    connection.exchange(&Request::Down)?;
    super::wait_until_gone(connection.run(), DEADLINE)?;
    persistent.forget()?;
    writeln!(std::io::stderr(), "all is gone")?;
    Ok(ExitCode::SUCCESS)
}
