use jsonwebtoken::{DecodingKey, EncodingKey};
use time::OffsetDateTime;

use super::{material::Material, schedule::Times};
use crate::auth::{Algorithm, Jwk};

/// One key of a ring: its name, its one algorithm, and when it may be used.
pub(in crate::auth) struct Key {
    kid: String,
    material: Material,
    times: Times,
}

impl Key {
    pub(super) fn new(kid: String, material: Material, times: Times) -> Self {
        Self { kid, material, times }
    }

    /// A key that is always active.
    pub(in crate::auth) fn ed25519(kid: &str, seed: &[u8; 32]) -> Self {
        Self::new(kid.to_owned(), Material::ed25519(seed), Times::default())
    }

    pub(in crate::auth) fn kid(&self) -> &str {
        &self.kid
    }

    pub(in crate::auth) fn algorithm(&self) -> Algorithm {
        self.material.algorithm()
    }

    pub(in crate::auth) fn signing(&self) -> Option<&EncodingKey> {
        self.material.signing()
    }

    pub(in crate::auth) fn verifying(&self) -> &DecodingKey {
        self.material.verifying()
    }

    /// Whether it holds the private half, or a shared secret.
    pub(super) fn can_sign(&self) -> bool {
        self.signing().is_some()
    }

    /// Whether it may sign at this moment.
    pub(super) fn signs(&self, now: OffsetDateTime) -> bool {
        self.can_sign() && self.activate_at().is_none_or(|at| at <= now) && self.verifies(now)
    }

    /// Whether its signatures count at this moment. They do before it signs: another replica may have seen it
    /// earlier.
    pub(in crate::auth) fn verifies(&self, now: OffsetDateTime) -> bool {
        self.expire_at().is_none_or(|at| now < at)
    }

    pub(super) fn activate_at(&self) -> Option<OffsetDateTime> {
        self.times.activate_at
    }

    pub(in crate::auth) fn expire_at(&self) -> Option<OffsetDateTime> {
        self.times.expire_at
    }

    /// Its public half, unless it is a shared secret.
    pub(super) fn jwk(&self) -> Option<Jwk> {
        self.material.public().map(|public| public.jwk(&self.kid))
    }
}

/// Whether a text can be the name of a key: one that is safe in a file name, a header and a log.
pub(super) fn is_kid(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
