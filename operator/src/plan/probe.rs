//! Probes.

use crate::crd;
use k8s_openapi::{
    api::core::v1::{ExecAction, HTTPGetAction, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};

/// How often, how long, and how many failures count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) period: i32,
    pub(super) timeout: i32,
    pub(super) failures: i32,
}

impl Timing {
    /// A start may take two minutes, and is noticed within a second of its end.
    pub(super) const STARTUP: Self = Self {
        period: 1,
        timeout: 2,
        failures: 120,
    };
    /// A process is given half a minute to come back before it is restarted.
    pub(super) const LIVENESS: Self = Self {
        period: 10,
        timeout: 2,
        failures: 3,
    };
    /// Requests stop within ten seconds.
    pub(super) const READINESS: Self = Self {
        period: 5,
        timeout: 2,
        failures: 2,
    };

    /// What the spec sets wins.
    pub(super) fn or(self, set: Option<&crd::Probe>) -> Self {
        let Some(set) = set else { return self };
        Self {
            period: set.period_seconds.unwrap_or(self.period),
            timeout: set.timeout_seconds.unwrap_or(self.timeout),
            failures: set.failure_threshold.unwrap_or(self.failures),
        }
    }

    fn probe(self) -> Probe {
        Probe {
            period_seconds: Some(self.period),
            timeout_seconds: Some(self.timeout),
            failure_threshold: Some(self.failures),
            ..Default::default()
        }
    }
}

/// Asks a path of the container's port `http`.
pub(super) fn http(path: &str, timing: Timing) -> Option<Probe> {
    let action = HTTPGetAction {
        path: Some(path.to_owned()),
        port: IntOrString::String("http".to_owned()),
        scheme: Some("HTTP".to_owned()),
        ..Default::default()
    };
    Some(Probe {
        http_get: Some(action),
        ..timing.probe()
    })
}

/// Runs a command in the container.
pub(super) fn command(command: &[&str], timing: Timing) -> Option<Probe> {
    let command = command.iter().map(|&word| word.to_owned()).collect();
    Some(Probe {
        exec: Some(ExecAction {
            command: Some(command),
        }),
        ..timing.probe()
    })
}
