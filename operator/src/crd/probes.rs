//! How the kubelet asks the service for its health.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// The three probes. What is asked is the service's own affair: `/health/startup`, `/health/live`, `/health/ready`.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probes {
    /// Until this one succeeds the other two wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<Probe>,
    /// When this one fails the container is restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,
    /// While this one fails the pod gets no requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,
}

/// How often, how long, and how many failures count. What is left out keeps its default.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Seconds between two attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 3600").message("periodSeconds: write a number from 1 to 3600"))]
    pub period_seconds: Option<i32>,
    /// Seconds until an attempt has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 3600").message("timeoutSeconds: write a number from 1 to 3600"))]
    pub timeout_seconds: Option<i32>,
    /// Failures in a row until the probe has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 3600").message("failureThreshold: write a number from 1 to 3600"))]
    pub failure_threshold: Option<i32>,
}
