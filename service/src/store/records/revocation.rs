use time::OffsetDateTime;
use uuid::Uuid;

/// Word that a session or a key is good no longer, kept as long as some token or cache could still hold it for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// The session's or the key's.
    pub id: Uuid,
    /// Since when.
    pub revoked_at: OffsetDateTime,
    /// When everything that was issued before has expired.
    pub expires_at: OffsetDateTime,
}
