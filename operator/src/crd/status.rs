//! What the operator has seen.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator has seen, for the generation that it names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UltraDeploymentStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The version of the service that is asked for: its image's tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,

    /// How many pods of the service there are.
    #[serde(default)]
    pub replicas: i32,

    /// How many of them are ready.
    #[serde(default)]
    pub ready_replicas: i32,

    /// Ready (the summary), Reconciling and Stalled (true while not at rest), DatabaseReady, CacheReady, Available, Paused, MockInProduction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

impl UltraDeploymentStatus {
    /// The condition of that type, where it was ever set.
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.type_ == kind.as_str())
    }
}

/// The conditions that an `UltraDeployment` carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConditionType {
    /// Everything below holds for the current generation.
    Ready,
    /// The operator is on its way to the current generation.
    Reconciling,
    /// The operator cannot go on until someone changes something.
    Stalled,
    /// The database takes connections.
    DatabaseReady,
    /// The cache takes connections.
    CacheReady,
    /// The service answers, perhaps in an older version.
    Available,
    /// `spec.paused` is set.
    Paused,
    /// Production answers from the mock, as the spec asks.
    MockInProduction,
}

impl ConditionType {
    /// The word in `status.conditions[].type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::DatabaseReady => "DatabaseReady",
            Self::CacheReady => "CacheReady",
            Self::Available => "Available",
            Self::Paused => "Paused",
            Self::MockInProduction => "MockInProduction",
        }
    }
}
