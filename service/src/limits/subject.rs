use std::fmt;

use crate::domain::{ClientNetwork, UserId};

/// Who is limited: a user wherever they come from, and somebody without a name by where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user, with all their sessions and keys.
    User(UserId),
    /// Everybody without a name behind one address.
    Anonymous(ClientNetwork),
}

/// What stands in Redis' keys, in the braces of the hash tag.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Anonymous(network) => write!(f, "anonymous/{network}"),
        }
    }
}
