use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use uuid::Uuid;

/// Issuer, audience and key of test tokens, as the service knows them.
const NAME: &str = "ultra-test";

/// The key that everybody knows; the service accepts it in its `testing` profile only.
const SEED: &[u8; 32] = b"ultra: everybody knows this key!";

const TTL: Duration = Duration::from_secs(60 * 60);

/// An access token for the service in its `testing` profile. It prints as the token itself:
///
/// ```
/// use ultra_testenv::TestToken;
///
/// let authorization = format!("Bearer {}", TestToken::admin());
/// ```
#[derive(Debug, Clone)]
pub struct TestToken {
    user: Uuid,
    session: Uuid,
    id: Uuid,
    role: &'static str,
    issued_at: SystemTime,
}

impl TestToken {
    /// For a user that nobody else has.
    pub fn user() -> Self {
        Self {
            user: Uuid::now_v7(),
            session: Uuid::now_v7(),
            id: Uuid::now_v7(),
            role: "user",
            issued_at: SystemTime::now(),
        }
    }

    /// For an admin that nobody else has.
    pub fn admin() -> Self {
        Self {
            role: "admin",
            ..Self::user()
        }
    }

    /// For this user, in a session of its own.
    #[must_use]
    pub fn for_user(self, user: Uuid) -> Self {
        Self { user, ..self }
    }

    /// One whose time was over an hour ago.
    #[must_use]
    pub fn expired(self) -> Self {
        Self {
            issued_at: self.issued_at - 2 * TTL,
            ..self
        }
    }

    /// Whose token it is.
    pub fn user_id(&self) -> Uuid {
        self.user
    }

    /// The session that it belongs to.
    pub fn session_id(&self) -> Uuid {
        self.session
    }

    /// The token. The same again and again: nothing in it depends on when it is asked for.
    pub fn mint(&self) -> String {
        let issued_at = self.issued_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let header = json!({"alg": "EdDSA", "typ": "test+jwt", "kid": NAME});
        let claims = json!({
            "iss": NAME,
            "aud": NAME,
            "sub": self.user,
            "sid": self.session,
            "role": self.role,
            "iat": issued_at.as_secs(),
            "nbf": issued_at.as_secs(),
            "exp": (issued_at + TTL).as_secs(),
            "jti": self.id,
        });
        let encode = |part: Value| BASE64.encode(part.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = SigningKey::from_bytes(SEED).sign(message.as_bytes());
        format!("{message}.{}", BASE64.encode(signature.to_bytes()))
    }
}

impl fmt::Display for TestToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mint())
    }
}
