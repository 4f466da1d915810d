use std::{borrow::Cow, fmt, str::FromStr};

use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::UserId;

/// Who changed what, for those who have to know later. It holds ids and never personal data: it outlives its users.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Sorts by time.
    pub id: Uuid,
    /// When.
    pub at: OffsetDateTime,
    /// Who did it.
    pub actor: Actor,
    /// What was done, such as `user.role_changed`.
    pub action: String,
    /// To whom or what: an id, or a provider's name.
    pub subject: String,
    /// What else is worth knowing, such as the new role.
    pub detail: serde_json::Value,
}

impl AuditEntry {
    /// An entry with an id of its own and no details.
    pub fn new(
        at: OffsetDateTime,
        actor: Actor,
        action: impl Into<String>,
        subject: impl fmt::Display,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            at,
            actor,
            action: action.into(),
            subject: subject.to_string(),
            detail: serde_json::Value::Object(serde_json::Map::new()),
        }
    }

    /// The same entry with these details.
    #[must_use]
    pub fn with_detail(self, detail: serde_json::Value) -> Self {
        Self { detail, ..self }
    }
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Somebody who had logged in.
    User(UserId),
    /// No user: a command, or the service itself.
    System(Cow<'static, str>),
}

/// A text that names no actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("names no actor; there are user:ID and system:NAME")]
pub struct InvalidActor;

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::System(name) => write!(f, "system:{name}"),
        }
    }
}

impl FromStr for Actor {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("user", id)) => id.parse().map(Self::User).map_err(|_| InvalidActor),
            Some(("system", name)) => Ok(Self::System(Cow::Owned(name.to_owned()))),
            _ => Err(InvalidActor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_reads_back_from_its_text() {
        for actor in [
            Actor::User(UserId::generate()),
            Actor::System("users create: by hand".into()),
        ] {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        for text in ["", "user", "user:root", "root:1"] {
            assert_eq!(text.parse::<Actor>(), Err(InvalidActor), "{text:?}");
        }
    }
}
