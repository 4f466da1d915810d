use serde::Deserialize;

use super::{
    TokenError,
    shape::{self, Present},
};
use crate::auth::json::{self, Fault};

/// What a header may say. Others are ignored, as RFC 7515 wants it, but for those that a careless reader obeys.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    /// Has to be its key's.
    pub(super) alg: Option<String>,
    /// A name, looked up among the keys that we have, and nowhere else.
    pub(super) kid: Option<String>,
    /// Has to be an access token's.
    pub(super) typ: Option<String>,

    #[serde(default)]
    jku: Present,
    #[serde(default)]
    jwk: Present,
    #[serde(default)]
    x5u: Present,
    #[serde(default)]
    x5c: Present,
    #[serde(default)]
    x5t: Present,
    #[serde(default, rename = "x5t#S256")]
    x5t_s256: Present,
    #[serde(default)]
    crit: Present,
}

/// Reads a header, and refuses one that brings a key, names the place of one, or asks to be understood.
pub(super) fn parse(part: &str) -> Result<Header, TokenError> {
    let json = shape::decode(part).ok_or(TokenError::Malformed)?;
    let header: Header = json::object(&json)?;
    let Header {
        jku,
        jwk,
        x5u,
        x5c,
        x5t,
        x5t_s256,
        crit,
        ..
    } = &header;
    if [jku, jwk, x5u, x5c, x5t, x5t_s256]
        .into_iter()
        .any(|member| member.0)
    {
        return Err(TokenError::ForeignKey);
    }
    if crit.0 {
        return Err(TokenError::CriticalExtension);
    }
    Ok(header)
}

impl From<Fault> for TokenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::DuplicateMember => Self::DuplicateMember,
            Fault::Malformed { .. } => Self::Malformed,
        }
    }
}
