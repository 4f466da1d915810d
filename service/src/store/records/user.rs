use secrecy::SecretString;
use time::OffsetDateTime;

use crate::domain::{Email, Role, TierName, UserId};

/// Somebody who can log in.
#[derive(Debug, Clone)]
pub struct User {
    /// Who it is, in tokens and in everything that is theirs.
    pub id: UserId,
    /// What they log in with.
    pub email: Email,
    /// The password's hash as a PHC string, which names its own parameters.
    pub password_hash: SecretString,
    /// What they may do.
    pub role: Role,
    /// How much they may use.
    pub tier: TierName,
    /// When they registered.
    pub created_at: OffsetDateTime,
    /// Since when they are locked out.
    pub disabled_at: Option<OffsetDateTime>,
}

/// What an admin, or the user, changes about a user.
#[derive(Debug, Clone)]
pub enum UserChange {
    /// Another password, as its hash.
    Password(SecretString),
    /// What they may do.
    Role(Role),
    /// How much they may use.
    Tier(TierName),
    /// Shuts them out from this time on, or lets them in again.
    Disabled(Option<OffsetDateTime>),
}

impl UserChange {
    /// Whether access tokens of before would say or allow what is not so any more.
    pub fn ends_sessions(&self) -> bool {
        match self {
            Self::Password(_) | Self::Role(_) | Self::Disabled(_) => true,
            Self::Tier(_) => false,
        }
    }
}

/// What came of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateUser {
    /// There is a new user; the invite, where there was one, is used up.
    Created,
    /// Somebody has this address. The invite is used up all the same: whoever could keep it could find out who is here.
    EmailTaken,
    /// The invite is unknown, used or expired. Nothing is said of the address, which a stranger could be probing.
    InviteInvalid,
}
