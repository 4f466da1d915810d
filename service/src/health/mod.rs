//! What the service knows about itself and its dependencies. A background loop looks; every answer comes from memory,
//! so that asking costs nothing, whatever state a dependency is in.

mod component;
mod dependency;
mod probe;
mod report;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::time::Instant;

pub use component::Component;
pub use dependency::Dependency;
pub use probe::{Fault, Probe, watch};
pub use report::{ComponentReport, DependencyReport, DependencyStatus, Report, Status};

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
    components: RwLock<Vec<Arc<dyn Component>>>,
    schema: RwLock<SchemaState>,
    draining: AtomicBool,
}

impl Health {
    /// Nothing is known yet.
    pub fn new(profile: Profile, mode: Mode) -> Self {
        Self {
            profile,
            mode,
            started: Instant::now(),
            components: RwLock::default(),
            schema: RwLock::new(SchemaState::Pending),
            draining: AtomicBool::new(false),
        }
    }

    /// From here on the report tells of this too.
    pub fn register(&self, component: Arc<dyn Component>) {
        let mut components = self.components.write().unwrap_or_else(PoisonError::into_inner);
        components.push(component);
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

    /// What everybody may know.
    pub fn report(&self) -> Report {
        self.tell(false)
    }

    /// The same, and what only admins may know.
    pub fn detailed_report(&self) -> Report {
        self.tell(true)
    }

    fn tell(&self, detailed: bool) -> Report {
        let components = self.components.read().unwrap_or_else(PoisonError::into_inner);
        let mut dependencies = BTreeMap::new();
        let mut impaired = Vec::new();
        for component in components.iter() {
            let (name, report) = (component.name(), component.report());
            if matches!(report.status, DependencyStatus::Down | DependencyStatus::Degraded) {
                let error = report.error.unwrap_or("unknown");
                impaired.push(format!("{name}: {} ({error})", report.status.name()));
            }
            let detail = if detailed { component.detail() } else { None };
            dependencies.insert(name, DependencyReport::new(report, detail));
        }
        let (status, output) = match self.not_ready() {
            Some(reason) => (Status::Fail, Some(reason)),
            None if impaired.is_empty() => (Status::Pass, None),
            None => (Status::Warn, Some(impaired.join(", "))),
        };
        Report {
            status,
            output,
            environment: self.profile,
            mode: self.mode,
            version: env!("CARGO_PKG_VERSION"),
            release_id: env!("GIT_REVISION"),
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
        let health = Health::new(Profile::Development, Mode::Mock);
        health.register(database.clone());
        (health, database)
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
        for (status, word) in [
            (DependencyStatus::Down, "down"),
            (DependencyStatus::Degraded, "degraded"),
        ] {
            database.set(status, None, Some("timeout"));
            let report = health.report();
            assert_eq!(report.status, Status::Warn);
            assert_eq!(report.output, Some(format!("database: {word} (timeout)")));
            assert_eq!(health.not_ready(), None);
        }
        database.set(DependencyStatus::Up, Some(0.4), None);
        let report = health.report();
        assert_eq!((report.status, report.output), (Status::Pass, None));
    }

    #[test]
    fn a_loss_is_known_once_it_was_seen_twice_in_a_row_and_until_it_is_over() {
        use DependencyStatus::{Degraded, Down, Up};
        let database = Dependency::new("database", "postgres");
        assert_eq!(database.known_loss(), None, "nobody has looked");
        for (status, known_lost) in [
            (Down, false),
            (Up, false),
            (Down, false),
            (Down, true),
            (Down, true),
            (Degraded, false),
            (Down, false),
            (Down, true),
            (Up, false),
        ] {
            database.set(status, None, Some("timeout"));
            assert_eq!(database.known_loss(), known_lost.then_some("timeout"));
        }
    }

    #[tokio::test]
    async fn what_is_inside_of_a_component_is_in_the_detailed_report_alone() {
        struct Vault;
        impl Component for Vault {
            fn name(&self) -> &'static str {
                "vault"
            }
            fn report(&self) -> ComponentReport {
                ComponentReport {
                    kind: "vault",
                    status: DependencyStatus::Up,
                    since: None,
                    latency_ms: None,
                    error: None,
                }
            }
            fn detail(&self) -> Option<serde_json::Value> {
                Some(serde_json::json!({"keys": 3}))
            }
        }
        let (health, _) = health();
        health.register(Arc::new(Vault));
        let told = |report: Report| serde_json::to_value(report).unwrap()["dependencies"]["vault"].clone();
        assert_eq!(
            told(health.report()),
            serde_json::json!({"kind": "vault", "status": "up"})
        );
        assert_eq!(
            told(health.detailed_report())["detail"],
            serde_json::json!({"keys": 3})
        );
    }

    #[tokio::test]
    async fn an_unfit_schema_and_a_drain_take_readiness_away() {
        let (health, _) = health();
        health.set_schema(SchemaState::Unfit("the schema is too old".to_owned()));
        assert_eq!(health.not_ready().as_deref(), Some("the schema is too old"));
        assert_eq!(health.not_started(), None);
        health.set_schema(SchemaState::Fits);
        health.start_draining();
        assert_eq!(health.report().status, Status::Fail);
    }
}
