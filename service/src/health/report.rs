use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::config::{Mode, Profile};

/// The service at a glance.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Report {
    /// The whole, in one word.
    pub status: Status,
    /// Why it is unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The profile that it runs under.
    pub environment: Profile,
    /// Whether its models are stand-ins.
    pub mode: Mode,
    /// Its version.
    #[schema(example = "0.1.0")]
    pub version: &'static str,
    /// How long it has been running.
    pub uptime_seconds: u64,
    /// What it depends on, by name.
    pub dependencies: BTreeMap<&'static str, DependencyReport>,
}

/// The whole, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All is well.
    Healthy,
    /// Requests are served, but something is lost.
    Degraded,
    /// Requests should go elsewhere.
    Unhealthy,
}

/// One dependency.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DependencyReport {
    /// What it is.
    #[schema(example = "postgres")]
    pub kind: &'static str,
    /// Whether it answers.
    pub status: DependencyStatus,
    /// Since when it has this status.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub since: OffsetDateTime,
    /// How long its last answer took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// What went wrong the last time, in one stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "connection_refused")]
    pub error: Option<&'static str>,
}

/// Whether a dependency answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DependencyStatus {
    /// It answered the last time.
    Up,
    /// It did not.
    Down,
    /// Nobody has looked yet.
    Unknown,
}
