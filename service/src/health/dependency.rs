use std::sync::{PoisonError, RwLock};

use time::OffsetDateTime;

use super::{Component, ComponentReport, DependencyStatus};

/// What is known of something that is looked at again and again.
pub struct Dependency {
    name: &'static str,
    kind: &'static str,
    state: RwLock<State>,
}

#[derive(Clone, Copy)]
struct State {
    status: DependencyStatus,
    since: OffsetDateTime,
    latency_ms: Option<f64>,
    error: Option<&'static str>,
}

impl Dependency {
    /// A dependency of which nothing is known yet.
    pub fn new(name: &'static str, kind: &'static str) -> Self {
        let state = State {
            status: DependencyStatus::Unknown,
            since: OffsetDateTime::now_utc(),
            latency_ms: None,
            error: None,
        };
        Self {
            name,
            kind,
            state: RwLock::new(state),
        }
    }

    /// Whether the last look found it lost. Not knowing is not being down.
    pub fn is_down(&self) -> bool {
        self.status() == DependencyStatus::Down
    }

    pub(super) fn status(&self) -> DependencyStatus {
        self.state().status
    }

    fn state(&self) -> State {
        *self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, status: DependencyStatus, latency_ms: Option<f64>, error: Option<&'static str>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.status != status {
            state.since = OffsetDateTime::now_utc();
        }
        state.status = status;
        state.latency_ms = latency_ms;
        state.error = error;
    }
}

impl Component for Dependency {
    fn name(&self) -> &'static str {
        self.name
    }

    fn report(&self) -> ComponentReport {
        let State {
            status,
            since,
            latency_ms,
            error,
        } = self.state();
        ComponentReport {
            kind: self.kind,
            status,
            since: Some(since),
            latency_ms,
            error,
        }
    }
}
