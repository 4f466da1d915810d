//! The versions that Ultra supports, from the one table that product, tests and documentation share.

use std::sync::LazyLock;

use serde::Deserialize;

const TABLE: &str = include_str!("../../versions.yaml");

/// The supported versions of everything that Ultra stands on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Postgres, by major version.
    pub postgres: Supported,
    /// Redis, by major version, and by minor before 8.
    pub redis: Supported,
    /// Kubernetes: the oldest minor version, and the full version that testenv provides.
    pub kubernetes: Supported,
}

/// The supported versions of one part.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supported {
    /// The oldest version that the suite is known to pass on.
    pub oldest: String,
    /// The version that is deployed unless another is asked for.
    pub default: String,
}

static SUPPORTED: LazyLock<Versions> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the table is compiled in, and a test parses it"
    )]
    serde_yaml::from_str(TABLE).expect("versions.yaml parses")
});

impl Versions {
    /// The table of this source tree.
    pub fn supported() -> &'static Self {
        &SUPPORTED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_parses_and_kubernetes_is_a_full_version() {
        let versions = Versions::supported();
        assert_eq!(versions.kubernetes.default.split('.').count(), 3);
        assert!(
            versions
                .kubernetes
                .default
                .starts_with(&versions.kubernetes.oldest)
        );
    }
}
