//! How much a connection may take.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are none of the clients': the database's connections, Redis, the spool, logs, and what comes and goes.
const RESERVED_FILES: u64 = 256;

/// How long a connection may go without a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From a header's first byte to its last.
    pub(super) header: Duration,
    /// Without anything. Longer than the usual 60 seconds of load balancers: who closes first must be the client, or
    /// a request may be on its way to a connection that is closed.
    pub(super) idle: Duration,
    /// How often a connection is looked at, which is how much later than that it may end.
    pub(super) look_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            look_every: Duration::from_secs(5),
        }
    }
}

/// As many connections as are wanted, or as open files allow, once as many are allowed as can be.
pub(super) fn connections(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    let fitting = fitting(wanted, files);
    if fitting < wanted {
        tracing::warn!(
            wanted,
            fitting,
            "the system allows too few open files for ULTRA_HTTP_MAX_CONNECTIONS; raise its limit (nofile)"
        );
    }
    fitting
}

/// No bound on files is none on connections. Few files still serve somebody.
fn fitting(wanted: usize, files: Option<u64>) -> usize {
    let Some(files) = files else { return wanted };
    let room = files.saturating_sub(RESERVED_FILES).max(files / 4).max(1);
    usize::try_from(room).map_or(wanted, |room| wanted.min(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        assert_eq!(fitting(10_000, None), 10_000);
        assert_eq!(fitting(10_000, Some(1_048_576)), 10_000);
        assert_eq!(fitting(10_000, Some(1_024)), 768);
        assert_eq!(fitting(10_000, Some(64)), 16);
        assert_eq!(fitting(10, Some(1_024)), 10);
        assert_eq!(fitting(10, Some(0)), 1);
    }
}
