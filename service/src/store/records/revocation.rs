use time::OffsetDateTime;
use uuid::Uuid;

/// Word that a session or a key is good no longer, or that a user is not what they were, kept as long as some token or
/// cache could still hold the old for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// The session's, the key's or the user's.
    pub id: Uuid,
    /// Since when, by the clock of the database.
    pub revoked_at: OffsetDateTime,
    /// When everything that was issued before has expired.
    pub expires_at: OffsetDateTime,
}
