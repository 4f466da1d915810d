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

/// What came of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateUser {
    /// There is a new user; the invite, where there was one, is used up.
    Created,
    /// Somebody has this address. The invite stays good.
    EmailTaken,
    /// The invite is unknown, used or expired. Nothing is said of the address, which a stranger could be probing.
    InviteInvalid,
}
