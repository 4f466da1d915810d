use secrecy::SecretString;
use time::OffsetDateTime;
use uuid::Uuid;

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
    /// Another password.
    Password {
        /// Its hash.
        hash: SecretString,
        /// Whether their API keys end, too.
        end_keys: bool,
    },
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
            Self::Password { .. } | Self::Role(_) | Self::Disabled(_) => true,
            Self::Tier(_) => false,
        }
    }

    /// Whether somebody who manages the service may not do so afterwards.
    pub(in crate::store) fn takes_rights(&self) -> bool {
        matches!(self, Self::Role(Role::User) | Self::Disabled(Some(_)))
    }

    /// Whether a user who has this role and tier, and is disabled or not, is so already.
    pub(in crate::store) fn is_there(&self, role: Role, tier: &TierName, disabled: bool) -> bool {
        match self {
            Self::Password { .. } => false,
            Self::Role(new) => *new == role,
            Self::Disabled(at) => at.is_some() == disabled,
            Self::Tier(new) => new == tier,
        }
    }
}

/// What came of changing or erasing a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeUser {
    /// The user is so now. These of their sessions and keys ended; none where the user was so before.
    Done(Vec<Uuid>),
    /// There is no such user.
    NoSuchUser,
    /// It is the only admin who can log in: nobody could manage the service afterwards.
    LastAdmin,
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
