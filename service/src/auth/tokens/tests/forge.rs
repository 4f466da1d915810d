//! Tokens made by hand: everything about them is right but for the one thing that a test is about.

use std::{fs, path::Path, sync::LazyLock};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::datetime};

use crate::auth::{
    KeyRing, LiveKeyRing, TokenRules, Tokens,
    key_ring::test_keys::{self, LENIENT, RSA_2048, SECRET, folder},
};

pub(super) const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

/// The header of a good token.
pub(super) const HEADER: &str = r#"{"alg":"EdDSA","kid":"ed","typ":"at+jwt"}"#;

/// A ring of one key of each kind, read once. Beside its folder lies the key of an attacker.
static RING: LazyLock<TempDir> = LazyLock::new(|| {
    let parent = folder(&[("outside.pem", &test_keys::ed25519(66))]);
    let dir = parent.path().join("ring");
    fs::create_dir(&dir).unwrap();
    test_keys::write(
        &dir,
        &[
            ("ed.pem", &test_keys::ed25519(1)),
            ("other.pem", &test_keys::ed25519(2)),
            ("ec.pem", &test_keys::p256()),
            ("rsa.pem", RSA_2048),
            ("hmac.hs256", str::from_utf8(SECRET).unwrap()),
        ],
    );
    parent
});

pub(super) fn ring_dir() -> std::path::PathBuf {
    RING.path().join("ring")
}

/// The ring, with this key as its signer.
pub(super) fn ring(signer: &str) -> LiveKeyRing {
    let copy = folder(&[("ring.json", &json!({"signer": signer}).to_string())]);
    copy_files(&ring_dir(), copy.path());
    LiveKeyRing::fixed(KeyRing::load(copy.path(), LENIENT).unwrap())
}

fn copy_files(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// A ring of `ed` alone, which ends at this moment; beside it one that has ended already.
pub(super) fn expiring(end: OffsetDateTime) -> LiveKeyRing {
    let ring = json!({"signer": "ed", "keys": {
        "ed": {"expireAt": end.format(&Rfc3339).unwrap()},
        "ended": {"expireAt": NOW.format(&Rfc3339).unwrap()},
    }});
    let dir = folder(&[
        ("ed.pem", &test_keys::ed25519(1)),
        ("ended.pem", &test_keys::ed25519_public(3)),
        ("ring.json", &ring.to_string()),
    ]);
    LiveKeyRing::fixed(KeyRing::load_at(dir.path(), LENIENT, NOW).unwrap())
}

pub(super) fn access_rules() -> TokenRules {
    TokenRules {
        issuer: "ultra".to_owned(),
        audience: "ultra-api".to_owned(),
        access_ttl: std::time::Duration::from_secs(15 * 60),
        accept_test_tokens: false,
    }
}

pub(super) fn tokens() -> Tokens {
    Tokens::new(ring("ed"), access_rules())
}

pub(super) fn testing_tokens() -> Tokens {
    let rules = TokenRules {
        accept_test_tokens: true,
        ..access_rules()
    };
    Tokens::new(ring("ed"), rules)
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims of a good token.
pub(super) fn claims() -> Value {
    json!({
        "iss": "ultra",
        "aud": "ultra-api",
        "sub": "01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a42",
        "sid": "01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a43",
        "role": "user",
        "iat": NOW.unix_timestamp(),
        "nbf": NOW.unix_timestamp(),
        "exp": NOW.unix_timestamp() + 900,
        "jti": "01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a44",
    })
}

/// The claims of a good token, but for this one; `null` leaves it out.
pub(super) fn claims_with(name: &str, value: Value) -> String {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    claims.to_string()
}

/// A token of this header and these claims, with whatever the closure makes of the message as its signature.
pub(super) fn forged(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", base64(header.as_bytes()), base64(claims.as_bytes()));
    let signature = base64(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Signed by the ring's own `ed`: whatever is wrong with it, the signature is not.
pub(super) fn signed(header: &str, claims: &str) -> String {
    forged(header, claims, by_seed(&test_keys::ed25519_seed(1)))
}

pub(super) fn by_seed(seed: &[u8; 32]) -> impl Fn(&[u8]) -> Vec<u8> + use<> {
    let key = SigningKey::from_bytes(seed);
    move |message| key.sign(message).to_bytes().to_vec()
}

pub(super) fn by_hmac(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> + use<> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    move |message| ring::hmac::sign(&key, message).as_ref().to_vec()
}

/// What a key of the ring publishes.
pub(super) fn published(kid: &str) -> Value {
    let jwks = serde_json::to_value(ring("ed").current().jwks(NOW)).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter().find(|key| key["kid"] == kid).unwrap().clone()
}

/// A token of the service itself.
pub(super) fn issued(tokens: &Tokens) -> String {
    let (user, session) = (
        crate::domain::UserId::generate(),
        crate::domain::SessionId::generate(),
    );
    let issued = tokens
        .signer(NOW)
        .unwrap()
        .issue(user, session, crate::domain::Role::User)
        .unwrap();
    issued.token.expose_secret().to_owned()
}
