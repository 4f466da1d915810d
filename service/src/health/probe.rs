use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Component as _, Dependency, DependencyStatus};

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);

/// How soon what is not well is looked at again: answers are not kept until a look succeeds, and that, and the report
/// of it, should take less than two seconds after its return.
const RETRY: Duration = Duration::from_millis(250);

/// What takes longer to answer than this works, but not well.
const SLOW: Duration = Duration::from_millis(500);

/// Why a look at a dependency failed.
#[derive(Debug)]
pub struct Fault {
    /// In one stable word.
    pub class: &'static str,
    /// In full, for the log.
    pub detail: String,
    /// Whether it answered all the same, and does a part of its work.
    pub answers: bool,
}

/// Looks at a dependency.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Whether it does its work.
    async fn look(&self) -> Result<(), Fault>;
}

/// Looks at a dependency again and again, until it is told to stop. Only changes are logged.
pub async fn watch(dependency: Arc<Dependency>, probe: impl Probe, stop: CancellationToken) {
    let watching = async {
        loop {
            look(&dependency, &probe).await;
            sleep(match dependency.status() {
                DependencyStatus::Up => INTERVAL,
                _ => RETRY,
            })
            .await;
        }
    };
    stop.run_until_cancelled(watching).await;
}

async fn look(dependency: &Dependency, probe: &impl Probe) {
    let asked = Instant::now();
    let result = match timeout(TIMEOUT, probe.look()).await {
        Ok(result) => result,
        Err(_) => Err(Fault {
            class: "timeout",
            detail: format!("no answer in {TIMEOUT:?}"),
            answers: false,
        }),
    };
    let took = asked.elapsed();
    let latency_ms = Some((took.as_secs_f64() * 1e6).round() / 1e3);
    let (before, name) = (dependency.status(), dependency.name());
    match result {
        Ok(()) if took > SLOW => {
            dependency.set(DependencyStatus::Degraded, latency_ms, Some("slow"));
            if before != DependencyStatus::Degraded {
                tracing::warn!(dependency = name, ?took, "slow");
            }
        }
        Ok(()) => {
            dependency.set(DependencyStatus::Up, latency_ms, None);
            if matches!(before, DependencyStatus::Down | DependencyStatus::Degraded) {
                tracing::info!(dependency = name, "back again");
            }
        }
        Err(Fault {
            class,
            detail,
            answers: true,
        }) => {
            dependency.set(DependencyStatus::Degraded, latency_ms, Some(class));
            if before != DependencyStatus::Degraded {
                tracing::error!(dependency = name, class, detail, "impaired");
            }
        }
        Err(Fault {
            class,
            detail,
            answers: false,
        }) => {
            dependency.set(DependencyStatus::Down, None, Some(class));
            if before != DependencyStatus::Down {
                tracing::error!(dependency = name, class, detail, "lost");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Scripted(Mutex<(Duration, Option<bool>)>);

    #[async_trait]
    impl Probe for Scripted {
        async fn look(&self) -> Result<(), Fault> {
            let (takes, fails) = *self.0.lock().unwrap();
            tokio::time::sleep(takes).await;
            match fails {
                None => Ok(()),
                Some(answers) => Err(Fault {
                    class: "disk_full",
                    detail: String::new(),
                    answers,
                }),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_look_found_is_up_slow_impaired_or_lost() {
        use DependencyStatus::{Degraded, Down, Up};
        let dependency = Dependency::new("database", "postgres");
        let probe = Scripted(Mutex::new((Duration::ZERO, None)));
        for (takes_ms, fails, status, error, has_latency) in [
            (3, None, Up, None, true),
            (700, None, Degraded, Some("slow"), true),
            (1_500, None, Down, Some("timeout"), false),
            (3, Some(true), Degraded, Some("disk_full"), true),
            (3, Some(false), Down, Some("disk_full"), false),
            (3, None, Up, None, true),
        ] {
            *probe.0.lock().unwrap() = (Duration::from_millis(takes_ms), fails);
            look(&dependency, &probe).await;
            let report = dependency.report();
            assert_eq!((report.status, report.error), (status, error), "{takes_ms} ms");
            assert_eq!(report.latency_ms.is_some(), has_latency, "{takes_ms} ms");
        }
    }
}
