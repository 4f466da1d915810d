//! What children are called, and the labels by which they are found.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;

/// Marks everything that the operator made. What carries it is watched.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "ultra-operator");

/// Names the `UltraDeployment` that an object belongs to.
pub const INSTANCE: &str = "app.kubernetes.io/instance";

/// Names the version of what an object runs.
pub const VERSION: &str = "app.kubernetes.io/version";

/// The part of an Ultra that an object belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Component {
    /// The API service.
    Service,
    /// The built-in Postgres.
    Database,
    /// The built-in Redis.
    Cache,
}

impl Component {
    /// The value of the label `app.kubernetes.io/component`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Database => "database",
            Self::Cache => "cache",
        }
    }

    fn application(self) -> &'static str {
        match self {
            Self::Service => "ultra-service",
            Self::Database => "postgres",
            Self::Cache => "redis",
        }
    }
}

/// The label selector that finds all children.
pub fn managed_selector() -> String {
    format!("{}={}", MANAGED_BY.0, MANAGED_BY.1)
}

/// The labels that choose a component's pods; they never change, because selectors cannot.
pub fn selector_labels(instance: &str, component: Component) -> BTreeMap<String, String> {
    labels_of([
        ("app.kubernetes.io/name", component.application()),
        (INSTANCE, instance),
        ("app.kubernetes.io/component", component.as_str()),
    ])
}

/// All labels of a component's objects.
pub fn labels(instance: &str, component: Component, version: &str) -> BTreeMap<String, String> {
    let mut labels = selector_labels(instance, component);
    labels.extend(labels_of([
        (VERSION, &*label_value(version)),
        ("app.kubernetes.io/part-of", "ultra"),
        MANAGED_BY,
    ]));
    labels
}

/// The selector of a component's pods.
pub fn selector(instance: &str, component: Component) -> LabelSelector {
    LabelSelector {
        match_labels: Some(selector_labels(instance, component)),
        ..Default::default()
    }
}

/// The database's objects.
pub fn postgres(instance: &str) -> String {
    format!("{instance}-postgres")
}

/// The cache's objects.
pub fn redis(instance: &str) -> String {
    format!("{instance}-redis")
}

/// The keys that sign access tokens.
pub fn jwt(instance: &str) -> String {
    format!("{instance}-jwt")
}

/// The key that encrypts the provider keys in the database.
pub fn master_key(instance: &str) -> String {
    format!("{instance}-master-key")
}

fn labels_of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A version as a label's value: a digest has a colon, and is longer than the 63 characters that fit.
fn label_value(version: &str) -> String {
    let value: String = version.replace(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c), "-");
    value
        .chars()
        .take(63)
        .collect::<String>()
        .trim_end_matches(['.', '_', '-'])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_makes_a_label_that_kubernetes_accepts() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let value = label_value(&digest);
        assert!(value.len() <= 63 && value.starts_with("sha256-"), "{value}");
    }

    #[test]
    fn selectors_carry_no_version() {
        let selector = selector_labels("demo", Component::Service);
        assert!(!selector.keys().any(|key| key.ends_with("/version")));
    }
}
