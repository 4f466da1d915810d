//! Choices of one word.

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
    /// As development, with test tokens.
    Testing,
    /// Real providers, authentication required, volumes retained.
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

/// What becomes of volumes when their resource is deleted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum DeletionPolicy {
    /// Volumes go with the resource.
    Delete,
    /// Volumes stay; a new resource of the same name takes them over.
    Retain,
}
