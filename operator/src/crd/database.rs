//! Where Ultra keeps its data.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Exactly one of `builtin` and `external`.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.builtin) != has(self.external)")
    .message("database: write exactly one of `builtin: {}` and `external: {urlSecretRef: {name: …, key: …}}`"))]
pub struct Database {
    /// A Postgres that the operator runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<BuiltinDatabase>,

    /// A Postgres that someone else runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalDatabase>,
}

/// A Postgres that the operator runs: one pod and one volume.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.storage) ? has(oldSelf.storage) && self.storage == oldSelf.storage : !has(oldSelf.storage)")
        .message("database.builtin.storage: write the old value again; the size of a volume that exists cannot be changed yet"),
    validation = Rule::new("has(self.storageClassName) ? has(oldSelf.storageClassName) && self.storageClassName == oldSelf.storageClassName : !has(oldSelf.storageClassName)")
        .message("database.builtin.storageClassName: write the old value again; a volume stays in its class"),
    validation = Rule::new("has(self.version) ? has(oldSelf.version) && self.version == oldSelf.version : !has(oldSelf.version)")
        .message("database.builtin.version: write the old value again; data of one major version cannot be read by another"),
)]
pub struct BuiltinDatabase {
    /// The volume's size, such as 20Gi. Default: 1Gi, in production 20Gi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))")
        .message("database.builtin.storage: write a size such as 20Gi"))]
    pub storage: Option<Quantity>,

    /// The volume's StorageClass. Default: the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,

    /// Postgres' major version, such as "17". Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]+$')")
        .message("database.builtin.version: write a major version in quotes, such as \"17\""))]
    pub version: Option<String>,
}

/// A Postgres that someone else runs.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalDatabase {
    /// The Secret and its key that hold the connection URL, `postgres://user:password@host:5432/name?sslmode=verify-full`.
    pub url_secret_ref: SecretKeyRef,

    /// The Secret and its key that hold the CA of the server's certificate, where it is no public one. The URL names its file: `…?sslmode=verify-full&sslrootcert=/run/secrets/ultra/database-ca/ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
}

/// One key of a Secret in the resource's own namespace.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SecretKeyRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in the Secret's data.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}
