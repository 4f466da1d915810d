//! The key of test tokens. Everybody knows it, so it opens nothing but the `testing` profile: a ring refuses to hold
//! it, and only [`Tokens`](super::Tokens) that are told to accept test tokens know it at all.
//!
//! `ultra_testenv::TestToken` mints the same tokens without this crate.

use std::time::Duration;

use time::OffsetDateTime;

use super::{
    IssuedToken, TokenError,
    key_ring::Key,
    tokens::{Grant, TEST_TYPE, mint},
};
use crate::domain::{Role, SessionId, UserId};

/// The name of the test key, which no key of a ring may have.
pub const TEST_KEY_ID: &str = "ultra-test";

/// Issuer and audience of test tokens.
pub const TEST_ISSUER: &str = "ultra-test";

const SEED: &[u8; 32] = b"ultra: everybody knows this key!";

/// The key.
pub(super) fn key() -> Key {
    Key::ed25519(TEST_KEY_ID, SEED)
}

/// Mints a token that only the `testing` profile accepts.
pub fn mint_test_token(
    user: UserId,
    session: SessionId,
    role: Role,
    ttl: Duration,
    now: OffsetDateTime,
) -> Result<IssuedToken, TokenError> {
    let grant = Grant { user, session, role };
    mint(&key(), TEST_TYPE, TEST_ISSUER, TEST_ISSUER, grant, ttl, now)
}
