//! What the service knows about itself and its dependencies. A background loop looks; every answer comes from memory,
//! so that asking costs nothing, whatever state a dependency is in.

mod probe;
mod report;

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use time::OffsetDateTime;
use tokio::time::Instant;

pub use probe::{Fault, Probe, watch};
pub use report::{DependencyReport, DependencyStatus, Report, Status};

use crate::config::{Mode, Profile};

/// How long an unreachable database may hold back the start. After that the service serves without it: a replica that
/// starts in an outage is still worth having.
const STARTUP_GRACE: std::time::Duration = std::time::Duration::from_secs(30);

/// Whether the database's schema lets this version work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// Not known yet.
    Pending,
    /// It fits.
    Fits,
    /// It does not fit, for this reason.
    Unfit(String),
}

/// The state of everything, shared by those who watch and those who ask.
pub struct Health {
    profile: Profile,
    mode: Mode,
    started: Instant,
    dependencies: Vec<Arc<Dependency>>,
    schema: RwLock<SchemaState>,
    draining: AtomicBool,
}

/// What is known of one dependency.
pub struct Dependency {
    name: &'static str,
    kind: &'static str,
    state: RwLock<State>,
}

#[derive(Clone)]
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
        self.state().status == DependencyStatus::Down
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, status: DependencyStatus, latency_ms: Option<f64>, error: Option<&'static str>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.status != status {
            state.since = OffsetDateTime::now_utc();
        }
        state.status = status;
        state.latency_ms = latency_ms;
        state.error = error;
    }

    fn report(&self) -> DependencyReport {
        let State {
            status,
            since,
            latency_ms,
            error,
        } = self.state();
        DependencyReport {
            kind: self.kind,
            status,
            since,
            latency_ms,
            error,
        }
    }
}

impl Health {
    /// Nothing is known yet.
    pub fn new(profile: Profile, mode: Mode, dependencies: Vec<Arc<Dependency>>) -> Self {
        Self {
            profile,
            mode,
            started: Instant::now(),
            dependencies,
            schema: RwLock::new(SchemaState::Pending),
            draining: AtomicBool::new(false),
        }
    }

    /// Records what is known of the schema.
    pub fn set_schema(&self, state: SchemaState) {
        *self.schema.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// From here on the service wants no new work.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the service wants no new work.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Why the start is not over; nothing once it is.
    pub fn not_started(&self) -> Option<String> {
        let waiting = self.schema() == SchemaState::Pending && self.started.elapsed() < STARTUP_GRACE;
        waiting.then(|| "the database's schema is not known yet".to_owned())
    }

    /// Why the service cannot take requests; nothing while it can. A lost database or cache is no reason: panels
    /// need neither.
    pub fn not_ready(&self) -> Option<String> {
        if self.is_draining() {
            return Some("the service is shutting down".to_owned());
        }
        if let SchemaState::Unfit(reason) = self.schema() {
            return Some(reason);
        }
        self.not_started()
    }

    /// The whole report.
    pub fn report(&self) -> Report {
        let dependencies: std::collections::BTreeMap<_, _> = self
            .dependencies
            .iter()
            .map(|dependency| (dependency.name, dependency.report()))
            .collect();
        let reason = self.not_ready();
        let impaired = dependencies
            .values()
            .any(|dependency| dependency.status == DependencyStatus::Down);
        let status = match (&reason, impaired) {
            (Some(_), _) => Status::Unhealthy,
            (None, true) => Status::Degraded,
            (None, false) => Status::Healthy,
        };
        Report {
            status,
            reason,
            environment: self.profile,
            mode: self.mode,
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.started.elapsed().as_secs(),
            dependencies,
        }
    }

    fn schema(&self) -> SchemaState {
        self.schema.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> (Health, Arc<Dependency>) {
        let database = Arc::new(Dependency::new("database", "postgres"));
        (
            Health::new(Profile::Development, Mode::Mock, vec![database.clone()]),
            database,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn the_start_ends_with_a_fitting_schema_or_when_the_database_lets_wait_too_long() {
        let (known, _) = health();
        assert!(known.not_started().is_some() && known.not_ready().is_some());
        known.set_schema(SchemaState::Fits);
        assert_eq!((known.not_started(), known.not_ready()), (None, None));

        let (unknown, _) = health();
        tokio::time::advance(STARTUP_GRACE).await;
        assert_eq!((unknown.not_started(), unknown.not_ready()), (None, None));
    }

    #[tokio::test]
    async fn a_lost_database_degrades_the_report_and_leaves_readiness_alone() {
        let (health, database) = health();
        health.set_schema(SchemaState::Fits);
        database.set(DependencyStatus::Down, None, Some("timeout"));
        assert_eq!(health.report().status, Status::Degraded);
        assert_eq!(health.not_ready(), None);
        database.set(DependencyStatus::Up, Some(0.4), None);
        assert_eq!(health.report().status, Status::Healthy);
    }

    #[tokio::test]
    async fn an_unfit_schema_and_a_drain_take_readiness_away() {
        let (health, _) = health();
        health.set_schema(SchemaState::Unfit("the schema is too old".to_owned()));
        assert_eq!(health.not_ready().as_deref(), Some("the schema is too old"));
        assert_eq!(health.not_started(), None);
        health.set_schema(SchemaState::Fits);
        health.start_draining();
        assert_eq!(health.report().status, Status::Unhealthy);
    }
}
