use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The three parts of a token, still encoded.
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) claims: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Exactly three.
    pub(super) fn split(token: &'a str) -> Option<Self> {
        let mut parts = token.split('.');
        let split = Self {
            header: parts.next()?,
            claims: parts.next()?,
            signature: parts.next()?,
        };
        parts.next().is_none().then_some(split)
    }
}

/// What base64url stands for; only its one canonical spelling, without padding, is read.
pub(super) fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64.decode(part).ok()
}

/// Whether a text is meant as a JSON Web Token, a good one or not: three parts of base64url, of which the first is an
/// object with an `alg`. Stock clients send any text for a key; what looks like a token must be a good one.
pub fn looks_like_jwt(text: &str) -> bool {
    let is_base64url = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    Parts::split(text).is_some_and(|parts| {
        is_base64url(parts.claims)
            && is_base64url(parts.signature)
            && decode(parts.header).is_some_and(|header| {
                serde_json::from_slice::<Map<String, Value>>(&header)
                    .is_ok_and(|header| header.contains_key("alg"))
            })
    })
}

/// Whether a member is there, whatever it holds, `null` too.
#[derive(Debug, Default)]
pub(super) struct Present(pub(super) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}
