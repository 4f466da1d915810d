//! Further environment variables, and those that are Ultra's own.

use k8s_openapi::api::core::v1::{ConfigMapKeySelector, SecretKeySelector};
use kube::{KubeSchema, core::Rule};
use serde::{Deserialize, Serialize};

/// Variables that follow from other fields of the spec, with the field to write instead.
pub const OWNED_VARIABLES: &[(&str, &str)] = &[
    ("ULTRA_PROFILE", "spec.profile"),
    ("ULTRA_MODE", "spec.mode"),
    ("ULTRA_LISTEN", "nothing, the Service finds the port"),
    ("ULTRA_DATA_DIR", "nothing, the folder is a volume of the pod"),
    ("ULTRA_CONFIG_FILE", "spec.panel"),
    ("ULTRA_LOG_FORMAT", "nothing, pods log JSON"),
    ("ULTRA_DATABASE_MIGRATE", "nothing, migrations follow the rollout"),
    ("ULTRA_HTTP_DRAIN_TIMEOUT", "spec.shutdown.drainSeconds"),
    ("ULTRA_AUTH_ACCESS_TOKEN_TTL", "spec.auth.accessTokenTTL"),
    ("ULTRA_AUTH_REFRESH_TOKEN_TTL", "spec.auth.refreshTokenTTL"),
    ("ULTRA_AUTH_REGISTRATION", "spec.auth.registration"),
    ("ULTRA_AUTH_ISSUER", "spec.auth.issuer"),
    ("ULTRA_AUTH_AUDIENCE", "spec.auth.audience"),
    ("ULTRA_AUTH_ADMIN_EMAIL", "spec.auth.adminSecretRef"),
    ("ULTRA_AUTH_ADMIN_PASSWORD", "spec.auth.adminSecretRef"),
    ("ULTRA_AUTH_ADMIN_PASSWORD_FILE", "spec.auth.adminSecretRef"),
    (
        "ULTRA_JWT_KEYS_DIR",
        "nothing, the keys are in the Secret <name>-jwt",
    ),
    (
        "ULTRA_MASTER_KEY",
        "nothing, the key is in the Secret <name>-master-key",
    ),
    (
        "ULTRA_MASTER_KEY_FILE",
        "nothing, the key is in the Secret <name>-master-key",
    ),
    ("DATABASE_URL", "spec.database.external"),
    ("DATABASE_URL_FILE", "spec.database.external"),
    ("REDIS_URL", "spec.cache.external"),
    ("REDIS_URL_FILE", "spec.cache.external"),
    ("ULTRA_CACHE_CA_FILE", "spec.cache.external.caSecretRef"),
];

/// One environment variable.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.value) != has(self.valueFrom)")
    .message("env: write exactly one of `value: …` and `valueFrom: …` for each name"))]
pub struct Variable {
    /// The variable's name.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z_][A-Za-z0-9_]*$')")
        .message("env.name: write letters, digits and '_' only, with no digit first"))]
    pub name: String,

    /// The variable's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub value: Option<String>,

    /// Where the kubelet takes the value from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<VariableSource>,
}

/// Exactly one of `secretKeyRef` and `configMapKeyRef`.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretKeyRef) != has(self.configMapKeyRef)")
    .message("env.valueFrom: write exactly one of `secretKeyRef: {name: …, key: …}` and `configMapKeyRef: {name: …, key: …}`"))]
pub struct VariableSource {
    /// A key of a Secret in this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeySelector>,
    /// A key of a ConfigMap in this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeySelector>,
}

/// Refuses [`OWNED_VARIABLES`], naming what to write instead.
pub(super) fn no_owned_variable() -> Rule {
    let names: Vec<String> = OWNED_VARIABLES
        .iter()
        .map(|(name, _)| format!("'{name}'"))
        .collect();
    let instead: Vec<String> = OWNED_VARIABLES
        .iter()
        .map(|(name, field)| format!("{name} ({field})"))
        .collect();
    Rule::new(format!(
        "!self.exists(variable, variable.name in [{}])",
        names.join(", ")
    ))
    .message(kube::core::Message::Message(format!(
        "env: leave out the variables that Ultra owns and write their field instead: {}",
        instead.join(", ")
    )))
}
