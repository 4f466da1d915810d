use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::{Dependency, DependencyStatus};

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);

/// Why a look at a dependency failed.
#[derive(Debug)]
pub struct Fault {
    /// In one stable word.
    pub class: &'static str,
    /// In full, for the log.
    pub detail: String,
}

/// Looks at a dependency.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Whether it answers.
    async fn look(&self) -> Result<(), Fault>;
}

/// Looks at a dependency again and again, until it is told to stop. Only changes are logged.
pub async fn watch(dependency: Arc<Dependency>, probe: impl Probe, stop: CancellationToken) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let asked = Instant::now();
        let result = match timeout(TIMEOUT, probe.look()).await {
            Ok(result) => result,
            Err(_) => Err(Fault {
                class: "timeout",
                detail: format!("no answer in {TIMEOUT:?}"),
            }),
        };
        let was_down = dependency.is_down();
        let name = dependency.name;
        match result {
            Ok(()) => {
                let latency_ms = asked.elapsed().as_secs_f64() * 1e3;
                dependency.set(DependencyStatus::Up, Some((latency_ms * 1e3).round() / 1e3), None);
                if was_down {
                    tracing::info!(dependency = name, "back again");
                }
            }
            Err(Fault { class, detail }) => {
                dependency.set(DependencyStatus::Down, None, Some(class));
                if !was_down {
                    tracing::error!(dependency = name, class, detail, "lost");
                }
            }
        }
    }
}
