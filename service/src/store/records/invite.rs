use time::OffsetDateTime;

use super::TokenHash;
use crate::domain::UserId;

/// Permission for one registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// What the invite is recognized by.
    pub hash: TokenHash,
    /// Who gave it.
    pub created_by: UserId,
    /// When.
    pub created_at: OffsetDateTime,
    /// Until when it is good.
    pub expires_at: OffsetDateTime,
}
