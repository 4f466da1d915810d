use std::time::{Duration, Instant};

use moka::{Expiry, sync::Cache};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::{
    LEEWAY, TokenError,
    claims::{self, Claims},
};
use crate::{
    auth::key_ring::KeyRing,
    domain::{Role, SessionId, UserId},
};

/// How many tokens are remembered.
const MAX_TOKENS: u64 = 10_000;

/// Nothing is remembered for longer, whatever a token says.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The user.
    pub user: UserId,
    /// The session; it may have been revoked since.
    pub session: SessionId,
    /// The role at the time of issue.
    pub role: Role,
    /// When it was issued.
    pub issued_at: OffsetDateTime,
    /// When it ends, to the second; clocks may differ by 30 seconds more.
    pub expires_at: OffsetDateTime,
    /// Whether it is a test token.
    pub test: bool,
}

/// A token of ours, with a good signature, and when it may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    verified: Verified,
    not_before: OffsetDateTime,
    key_expires_at: Option<OffsetDateTime>,
}

impl Seen {
    pub(super) fn new(
        claims: &Claims,
        key_expires_at: Option<OffsetDateTime>,
        test: bool,
    ) -> Result<Self, TokenError> {
        Ok(Self {
            verified: Verified {
                user: claims.sub,
                session: claims.sid,
                role: claims.role,
                issued_at: claims::instant(claims.iat)?,
                expires_at: claims::instant(claims.exp)?,
                test,
            },
            not_before: claims::instant(claims.nbf)?,
            key_expires_at,
        })
    }

    /// Whether it may be used at this moment. A key's end is exact: it is a person's decision, not a clock's drift.
    pub(super) fn at(&self, now: OffsetDateTime) -> Result<Verified, TokenError> {
        if self.key_expires_at.is_some_and(|end| end <= now) {
            Err(TokenError::ExpiredKey)
        } else if self.ends_at() <= now {
            Err(TokenError::Expired)
        } else if now.saturating_add(LEEWAY) < self.not_before {
            Err(TokenError::NotYetValid)
        } else if now.saturating_add(LEEWAY) < self.verified.issued_at {
            Err(TokenError::IssuedInFuture)
        } else {
            Ok(self.verified)
        }
    }

    fn ends_at(&self) -> OffsetDateTime {
        self.verified.expires_at.saturating_add(LEEWAY)
    }
}

/// Tokens that passed, by their hash: a token itself is kept nowhere.
pub(super) struct SeenTokens(Cache<[u8; 32], Entry>);

#[derive(Clone, Copy)]
struct Entry {
    seen: Seen,
    ttl: Duration,
}

struct EntryExpiry;

impl Expiry<[u8; 32], Entry> for EntryExpiry {
    fn expire_after_create(&self, _: &[u8; 32], entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl SeenTokens {
    pub(super) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(MAX_TOKENS)
                .expire_after(EntryExpiry)
                .build(),
        )
    }

    /// The token under this ring: what another ring has passed is not found under this one.
    pub(super) fn id(ring: &KeyRing, token: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(ring.digest())
            .chain_update(token)
            .finalize()
            .into()
    }

    pub(super) fn get(&self, id: &[u8; 32]) -> Option<Seen> {
        self.0.get(id).map(|entry| entry.seen)
    }

    pub(super) fn remember(&self, id: [u8; 32], seen: Seen, now: OffsetDateTime) {
        let ttl = Duration::try_from(seen.ends_at() - now)
            .unwrap_or_default()
            .min(MAX_AGE);
        self.0.insert(id, Entry { seen, ttl });
    }
}
