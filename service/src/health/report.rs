use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::config::{Mode, Profile};

/// The service at a glance, after draft-inadarei-api-health-check: `status`, `version`, `releaseId` and `output` are
/// the draft's, and `dependencies` stands where it has `checks` (docs/health.md).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Report {
    /// The whole, in one word.
    pub status: Status,
    /// Why it is not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "database: down (connection_refused)")]
    pub output: Option<String>,
    /// The profile that it runs under.
    pub environment: Profile,
    /// Whether its models are stand-ins.
    pub mode: Mode,
    /// Its version.
    #[schema(example = "0.1.0")]
    pub version: &'static str,
    /// The commit that it was built from, or `unknown`.
    #[serde(rename = "releaseId")]
    #[schema(example = "f02b5d4c6a1e4f0d9b7a3c2e1d0f9a8b7c6d5e4f")]
    pub release_id: &'static str,
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
    Pass,
    /// Requests are served, but something is lost.
    Warn,
    /// Requests should go elsewhere.
    Fail,
}

/// One dependency, and for admins what is inside of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DependencyReport {
    #[serde(flatten)]
    component: ComponentReport,
    /// What only admins see, where `detailed` is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    detail: Option<Value>,
}

impl DependencyReport {
    pub(super) fn new(component: ComponentReport, detail: Option<Value>) -> Self {
        Self { component, detail }
    }
}

/// How one component is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ComponentReport {
    /// What it is.
    #[schema(example = "postgres")]
    pub kind: &'static str,
    /// Whether it does its work.
    pub status: DependencyStatus,
    /// Since when it has this status.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<OffsetDateTime>,
    /// How long its last answer took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// What is wrong, in one stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "connection_refused")]
    pub error: Option<&'static str>,
}

/// Whether a dependency does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DependencyStatus {
    /// It does.
    Up,
    /// It does some of it, or slowly.
    Degraded,
    /// It does not.
    Down,
    /// Nobody has looked yet.
    Unknown,
}

impl DependencyStatus {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}
