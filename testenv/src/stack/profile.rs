//! The service's profiles.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The profile that the service runs in, its variable `ULTRA_PROFILE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Open, with mock providers.
    Development,
    /// As in production, with mock providers.
    Testing,
    /// As users run it.
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
