//! Where answers are cached.

use super::SecretKeyRef;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Exactly one of `builtin`, `external` and `memory`.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.builtin), has(self.external), has(self.memory)].filter(given, given).size() == 1")
    .message("cache: write exactly one of `builtin: {}`, `external: {urlSecretRef: {name: …, key: …}}` and `memory: {}`"))]
pub struct Cache {
    /// A Redis that the operator runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<BuiltinCache>,

    /// A Redis that someone else runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalCache>,

    /// No Redis: each pod caches for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryCache>,
}

/// A Redis that the operator runs: one pod, nothing persisted.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
pub struct BuiltinCache {
    /// How much Redis may hold before it evicts what was used least recently, such as 256Mi. Default: 64Mi, in production 256Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).compareTo(quantity('8Mi')) >= 0")
        .message("cache.builtin.memory: write a size of 8Mi or more, such as 256Mi"))]
    pub memory: Option<Quantity>,
}

/// A Redis that someone else runs.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalCache {
    /// The Secret and its key that hold the connection URL, `rediss://:password@host:6379/0`.
    pub url_secret_ref: SecretKeyRef,

    /// The Secret and its key that hold the CA of the server's certificate, where it is no public one. The URL begins with `rediss://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
}

/// Each pod caches for itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct MemoryCache {}
