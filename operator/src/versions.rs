//! The versions that Ultra supports, from the one table in `versions.yaml`.

use serde::Deserialize;
use std::sync::LazyLock;

/// The service's and the operator's version: one release, one number.
pub const ULTRA: &str = env!("CARGO_PKG_VERSION");

/// The oldest version that works and the one that is deployed where none is asked for.
#[derive(Clone, Debug, Deserialize)]
pub struct Supported {
    /// The earliest version that the suite is known to pass on.
    pub oldest: String,
    /// The version that is deployed.
    pub default: String,
}

#[derive(Deserialize)]
struct Table {
    postgres: Supported,
    redis: Supported,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the table is compiled in; a unit test reads it"
    )]
    serde_yaml::from_str(include_str!("../../versions.yaml")).expect("versions.yaml is well formed")
});

/// Postgres' major versions.
pub fn postgres() -> &'static Supported {
    &TABLE.postgres
}

/// Redis' versions.
pub fn redis() -> &'static Supported {
    &TABLE.redis
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_of_versions_is_readable() {
        assert!(!super::postgres().default.is_empty());
        assert!(!super::redis().oldest.is_empty());
    }
}
