use std::{fmt, str::FromStr};

use super::UserId;

/// Whose analyses, cache entries and limits they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Account {
    /// Everybody without a credential, where those are admitted.
    Anonymous,
    /// One user.
    User(UserId),
}

/// A text that names no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no account")]
pub struct InvalidAccount(String);

impl FromStr for Account {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "anonymous" => Ok(Self::Anonymous),
            id => id
                .parse()
                .map(Self::User)
                .map_err(|_| InvalidAccount(id.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::User(id) => id.fmt(f),
        }
    }
}
