//! Access tokens: JSON Web Tokens after RFC 9068, checked by the rules of RFC 8725.

mod claims;
mod error;
mod expectation;
mod header;
mod seen;
mod shape;

use std::{sync::Arc, time::Duration};

use jsonwebtoken::Header;
use secrecy::SecretString;
use time::OffsetDateTime;

pub use error::TokenError;
pub use seen::Verified;
pub use shape::looks_like_jwt;

pub(super) use claims::{Claims, Grant};

use super::{
    KeyStatus, LiveKeyRing, crypto,
    key_ring::{Key, KeyRing},
    test_key,
};
use crate::domain::{Role, SessionId, UserId};
use expectation::Expectation;
use seen::{Seen, SeenTokens};

/// The type of access tokens (RFC 9068), which keeps every other kind of token from passing for one.
const ACCESS_TYPE: &str = "at+jwt";

/// The type of test tokens.
pub(super) const TEST_TYPE: &str = "test+jwt";

/// Ours have some 500 bytes. What is longer is not even decoded.
const MAX_BYTES: usize = 4 * 1024;

/// How far clocks may be apart.
const LEEWAY: time::Duration = time::Duration::seconds(30);

/// Who issues tokens, for whom, and for how long.
#[derive(Debug, Clone)]
pub struct TokenRules {
    /// `iss`: what every token must say, exactly.
    pub issuer: String,
    /// `aud`: what every token must hold.
    pub audience: String,
    /// How long a token is good for.
    pub access_ttl: Duration,
    /// Whether tokens of the test key pass: in the `testing` profile.
    pub accept_test_tokens: bool,
}

/// A fresh token.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// Issues access tokens and checks them.
pub struct Tokens {
    ring: LiveKeyRing,
    rules: TokenRules,
    access: Expectation,
    test: Option<(Key, Expectation)>,
    seen: SeenTokens,
}

/// The key that signs at one moment.
pub struct Signer<'t> {
    ring: Arc<KeyRing>,
    rules: &'t TokenRules,
    now: OffsetDateTime,
}

impl Signer<'_> {
    /// A token for a session of a user.
    pub fn issue(&self, user: UserId, session: SessionId, role: Role) -> Result<IssuedToken, TokenError> {
        let key = self.ring.signing_key(self.now).ok_or(TokenError::NoSigningKey)?;
        let grant = Grant { user, session, role };
        let TokenRules {
            issuer,
            audience,
            access_ttl,
            ..
        } = self.rules;
        mint(key, ACCESS_TYPE, issuer, audience, grant, *access_ttl, self.now)
    }
}

impl Tokens {
    /// Tokens by the keys of this ring.
    pub fn new(ring: LiveKeyRing, rules: TokenRules) -> Self {
        crypto::install();
        let test = rules.accept_test_tokens.then(|| {
            let expectation = Expectation::new(TEST_TYPE, test_key::TEST_ISSUER, test_key::TEST_ISSUER);
            (test_key::key(), expectation)
        });
        Self {
            access: Expectation::new(ACCESS_TYPE, &rules.issuer, &rules.audience),
            test,
            seen: SeenTokens::new(),
            ring,
            rules,
        }
    }

    /// The key that signs at this moment, to be asked for before anything is changed that needs a signature.
    pub fn signer(&self, now: OffsetDateTime) -> Result<Signer<'_>, TokenError> {
        let ring = self.ring.current();
        if ring.signing_key(now).is_none() {
            return Err(TokenError::NoSigningKey);
        }
        Ok(Signer {
            ring,
            rules: &self.rules,
            now,
        })
    }

    /// The public keys that verify at this moment.
    pub fn jwks(&self, now: OffsetDateTime) -> crate::auth::Jwks {
        self.ring.current().jwks(now)
    }

    /// When each key of the ring may be used.
    pub fn keys(&self, now: OffsetDateTime) -> Vec<KeyStatus> {
        self.ring.current().status(now)
    }

    /// Whose token it is, if it is one of ours and good at this moment.
    ///
    /// A token that passed is remembered, so that its signature is checked once; whatever depends on the time is
    /// looked at every time, and another ring remembers nothing.
    pub fn verify(&self, token: &str, now: OffsetDateTime) -> Result<Verified, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::TooLong);
        }
        let ring = self.ring.current();
        let id = SeenTokens::id(&ring, token);
        if let Some(seen) = self.seen.get(&id) {
            return seen.at(now);
        }
        let seen = self.check(&ring, token)?;
        let verified = seen.at(now)?;
        self.seen.remember(id, seen, now);
        Ok(verified)
    }

    /// Everything about a token that the time does not change.
    fn check(&self, ring: &KeyRing, token: &str) -> Result<Seen, TokenError> {
        let parts = shape::Parts::split(token).ok_or(TokenError::Malformed)?;
        let header = header::parse(parts.header)?;
        let kid = header.kid.as_deref().ok_or(TokenError::UnknownKey)?;
        let (key, expectation) = match &self.test {
            Some((key, expectation)) if kid == test_key::TEST_KEY_ID => (key, expectation),
            None if kid == test_key::TEST_KEY_ID => return Err(TokenError::TestToken),
            _ => (ring.key(kid).ok_or(TokenError::UnknownKey)?, &self.access),
        };
        if header.alg.as_deref() != Some(key.algorithm().name()) {
            return Err(TokenError::WrongAlgorithm);
        }
        if !header.typ.as_deref().is_some_and(|typ| expectation.is_type(typ)) {
            return Err(TokenError::WrongType);
        }
        claims::refuse_duplicates(parts.claims)?;
        let validation = expectation.validation(key.algorithm());
        let claims = jsonwebtoken::decode::<Claims>(token, key.verifying(), validation)?.claims;
        let is_test = expectation.is_type(TEST_TYPE);
        Seen::new(&claims, key.expire_at(), is_test)
    }
}

/// Makes a token. It never outlives its key: it would be refused before the time that it promises.
pub(super) fn mint(
    key: &Key,
    typ: &'static str,
    issuer: &str,
    audience: &str,
    grant: Grant,
    ttl: Duration,
    now: OffsetDateTime,
) -> Result<IssuedToken, TokenError> {
    crypto::install();
    let signing = key.signing().ok_or(TokenError::NoSigningKey)?;
    let wanted = now.saturating_add(ttl.try_into().unwrap_or(time::Duration::MAX));
    let expires_at = key.expire_at().map_or(wanted, |end| end.min(wanted));
    let claims = Claims::new(issuer, audience, grant, now, expires_at);
    let header = Header {
        typ: Some(typ.to_owned()),
        kid: Some(key.kid().to_owned()),
        ..Header::new(key.algorithm().jose())
    };
    let token = jsonwebtoken::encode(&header, &claims, signing).map_err(|_| TokenError::Signing)?;
    Ok(IssuedToken {
        token: SecretString::from(token),
        expires_at: claims::instant(claims.exp)?,
    })
}

#[cfg(test)]
mod tests;
