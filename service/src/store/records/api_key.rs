use time::OffsetDateTime;

use super::TokenHash;
use crate::domain::{ApiKeyId, Scopes, UserId};

/// An API key without the key itself, which only its user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its public name.
    pub id: ApiKeyId,
    /// Whose it is.
    pub user: UserId,
    /// What its user calls it.
    pub name: String,
    /// How the key begins, so that its user recognizes it.
    pub prefix: String,
    /// What the key is recognized by.
    pub hash: TokenHash,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was used last, to the precision at which uses are written down.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
}
