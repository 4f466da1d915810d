//! Choices of one word.

use kube::core::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The set of defaults and rules that an Ultra follows.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Smallest size, mock providers, open to everyone who reaches it.
    #[default]
    Development,
    /// As production in who is admitted, with test tokens; otherwise as development.
    Testing,
    /// Real providers, authentication required, encrypted connections, volumes retained.
    Production,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Testing => "testing",
            Self::Production => "production",
        })
    }
}

/// Whom the panel asks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The built-in mock: deterministic, needs no key.
    Mock,
    /// The LLM providers themselves.
    Real,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mock => "mock",
            Self::Real => "real",
        })
    }
}

/// What becomes of volumes, keys and the database's password when their resource is deleted. Default: Delete, in production Retain.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum DeletionPolicy {
    /// They go with the resource.
    Delete,
    /// They stay; a new resource of the same name takes them over.
    Retain,
}

/// A rule that binds production only.
pub(super) fn in_production(rule: &str) -> Rule {
    Rule::new(format!(
        "!has(self.profile) || self.profile != 'production' || ({rule})"
    ))
}
