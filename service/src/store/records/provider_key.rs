use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

/// A provider's API key as it lies in a table: worth nothing to whoever has the table alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedProviderKey {
    /// The row's own id, a new one for each value that is put; both ciphertexts are bound to it.
    pub id: Uuid,
    /// The provider's name in the configuration. There is one key for each.
    pub provider: String,
    /// The provider's key under the data key.
    pub value: Sealed,
    /// The data key under a master key.
    pub key: WrappedKey,
    /// When it was put.
    pub created_at: OffsetDateTime,
}

/// What was encrypted and authenticated.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Used once with its key.
    pub nonce: [u8; 24],
    /// The text with its tag.
    pub ciphertext: Vec<u8>,
}

/// A data key, and what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The id of the master key that it lies under.
    pub master_id: String,
    /// The data key.
    pub sealed: Sealed,
}

// A ciphertext is no secret, and no use in a log either.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.ciphertext.len())
    }
}
