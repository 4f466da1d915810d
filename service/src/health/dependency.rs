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
    /// How many looks in a row have found it lost.
    lost_looks: u32,
}

/// So many looks in a row are no accident: one alone can be a busy moment of this machine.
const NO_ACCIDENT: u32 = 2;

impl Dependency {
    /// A dependency of which nothing is known yet.
    pub fn new(name: &'static str, kind: &'static str) -> Self {
        let state = State {
            status: DependencyStatus::Unknown,
            since: OffsetDateTime::now_utc(),
            latency_ms: None,
            error: None,
            lost_looks: 0,
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

    /// How it is lost, in one word, where the last looks, more than one, found it so.
    pub fn known_loss(&self) -> Option<&'static str> {
        let state = self.state();
        state.error.filter(|_| state.lost_looks >= NO_ACCIDENT)
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
        state.lost_looks = match status {
            DependencyStatus::Down => state.lost_looks.saturating_add(1),
            _ => 0,
        };
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
            ..
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
