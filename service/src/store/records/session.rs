use time::OffsetDateTime;

use super::User;
use crate::domain::{SessionId, UserId};

/// One login, and every refresh token that descends from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What access tokens carry as `sid`.
    pub id: SessionId,
    /// Who logged in.
    pub user: UserId,
    /// When.
    pub created_at: OffsetDateTime,
    /// When its refresh tokens end, however often they were rotated.
    pub expires_at: OffsetDateTime,
}

/// What came of presenting a refresh token.
#[derive(Debug, Clone)]
pub enum Rotation {
    /// It was good, and is used up now; the next one takes its place.
    Rotated {
        /// The session that goes on.
        session: Session,
        /// Whose it is, as they are now.
        user: User,
    },
    /// It had been used before, so that one of its two users is a thief: the session is revoked.
    Reused {
        /// The session that ended.
        session: SessionId,
        /// Whose it was.
        user: UserId,
    },
    /// It never was one, its session has expired or was revoked, or its user is disabled.
    Unknown,
}
