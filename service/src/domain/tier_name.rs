use std::{fmt, str::FromStr};

use serde::Serialize;
use utoipa::ToSchema;

/// The name of a tier, which says how much an account may use. Whether there is such a tier, the configuration knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "free")]
pub struct TierName(String);

/// A text that names no tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("names no tier; a name has 1 to 64 letters, digits, dots, hyphens and underscores")]
pub struct InvalidTierName;

impl TierName {
    const MAX_BYTES: usize = 64;

    /// The name as it stands in the configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tier of everybody of whom nothing else is said.
impl Default for TierName {
    fn default() -> Self {
        Self("free".to_owned())
    }
}

impl FromStr for TierName {
    type Err = InvalidTierName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(plain) {
            return Err(InvalidTierName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["free", "team-2.eu", "a", &"x".repeat(64)] {
            assert_eq!(name.parse::<TierName>().unwrap().as_str(), name);
        }
        for text in ["", "a b", "grün", "a/b", &"x".repeat(65)] {
            assert_eq!(text.parse::<TierName>(), Err(InvalidTierName), "{text:?}");
        }
        assert_eq!("free".parse(), Ok(TierName::default()));
    }
}
