use std::fmt;

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::Account;

/// A SHA-256: what is kept of keys and of what was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of these parts, of which none can be moved into its neighbour.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..4]))
    }
}

/// A request that is to be answered once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceClaim {
    /// Whose key, and which.
    pub name: Digest,
    /// Whose it is.
    pub account: Account,
    /// What is asked.
    pub fingerprint: Digest,
    /// Who answers it.
    pub holder: Uuid,
    /// Now.
    pub now: OffsetDateTime,
    /// Until when nobody else may answer it, unless the holder says that it goes on.
    pub held_until: OffsetDateTime,
    /// Until when its answer is kept.
    pub expires_at: OffsetDateTime,
}

/// What there is of a request that is to be answered once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once {
    /// Nothing: the holder is to answer it.
    Claimed,
    /// Somebody is answering it, and was last heard of to go on until then.
    UnderWay {
        /// Until when, at least.
        until: OffsetDateTime,
    },
    /// It was answered.
    Answered(KeptAnswer),
    /// The key was used for something else.
    Another,
}

/// An answer that is kept to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that belong to the answer and not to its delivery.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}
