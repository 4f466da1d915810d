//! The `UltraDeployment` resource: one file per concern, each rule beside the field that it guards.
//!
//! Doc comments here are what `kubectl explain` shows. Defaults follow the profile and are resolved in
//! [`crate::validate`], never in the schema, so that a change of profile takes them along.

#![expect(
    unreachable_pub,
    reason = "kube's derive repeats each struct inside a function"
)]

mod auth;
mod cache;
mod database;
mod environment;
mod image;
mod panel;
mod probes;
mod profile;
mod shutdown;
mod status;

pub use auth::{AdminSecretRef, Auth, Registration};
pub use cache::{BuiltinCache, Cache, ExternalCache, MemoryCache};
pub use database::{BuiltinDatabase, Database, ExternalDatabase, SecretKeyRef};
pub use environment::{OWNED_VARIABLES, Variable, VariableSource};
pub use image::{Image, PullPolicy, PullSecret};
pub use panel::Panel;
pub use probes::{Probe, Probes};
pub use profile::{DeletionPolicy, Mode, Profile};
pub use shutdown::Shutdown;
pub use status::{ConditionType, UltraDeploymentStatus};

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// What one Ultra should be. Every field has a default: `spec: {}` is a whole, running Ultra.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "ultra.dev",
    version = "v1alpha1",
    kind = "UltraDeployment",
    namespaced,
    status = "UltraDeploymentStatus",
    shortname = "ud",
    category = "ultra",
    derive = "PartialEq",
    doc = "One Ultra: the API service, its configuration, its secrets, and (unless they are external) its Postgres and its Redis.",
    validation = Rule::new("self.metadata.name.size() <= 40")
        .message("metadata.name: write at most 40 characters, because the names of the children are longer by a suffix"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name: write lower-case letters, digits and '-' only, with a letter first, because a Service takes this name"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.readyReplicas", description = "Pods of the service that are ready"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = profile::in_production("has(self.database) && has(self.database.external)")
        .message("database: in production write `external: {urlSecretRef: {name: …, key: …}}` with a URL that ends in ?sslmode=verify-full; connections to `builtin` are not encrypted yet"),
    validation = profile::in_production("has(self.cache) && !has(self.cache.builtin)")
        .message("cache: in production write `memory: {}`, or `external: {urlSecretRef: {name: …, key: …}}` with a rediss:// URL; connections to `builtin` are not encrypted yet"),
    validation = profile::in_production("!has(self.env) || !self.env.exists(variable, variable.name == 'ULTRA_AUTH_ANONYMOUS' && !(has(variable.value) && variable.value == 'false'))")
        .message("env: in production leave out ULTRA_AUTH_ANONYMOUS, because nobody is admitted without a credential there"),
)]
pub struct UltraDeploymentSpec {
    /// The set of defaults and rules that this Ultra follows. Default: development.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,

    /// Whether the panel asks real LLM providers or the built-in mock. Default: real in production, mock elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,

    /// The service's image. Default: the one that the operator was released with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,

    /// How many pods of the service run. Default: 1, in production 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 0 && self <= 1000").message("replicas: write a number from 0 to 1000"))]
    pub replicas: Option<i32>,

    /// CPU and memory of a pod of the service. Default: the smallest size in development, more in production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Where Ultra keeps its data. Default: `builtin: {}`, a Postgres of its own; production needs `external`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,

    /// Where answers are cached. Default: `builtin: {}`, a Redis of its own; production needs `external` or `memory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,

    /// Tokens and accounts. Default: the profile's rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,

    /// The panel of models. Default: the service's own panel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<Panel>,

    /// How the kubelet asks the service for its health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,

    /// How a pod of the service ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Shutdown>,

    /// Further environment variables of the service. Those that Ultra owns are refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[x_kube(validation = environment::no_owned_variable())]
    pub env: Vec<Variable>,

    /// While true, the operator changes nothing and only reports. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,

    /// What becomes of the database's volume, its password and the keys when this resource is deleted. Default: Delete, in production Retain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}
