use serde::{Deserialize, Serialize, de::IgnoredAny};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{TokenError, shape};
use crate::{
    auth::json,
    domain::{Role, SessionId, UserId},
};

/// What a token is for.
#[derive(Debug, Clone, Copy)]
pub(in crate::auth) struct Grant {
    pub(in crate::auth) user: UserId,
    pub(in crate::auth) session: SessionId,
    pub(in crate::auth) role: Role,
}

/// All claims of a token; each must be there and of its type. Times are whole seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::auth) struct Claims {
    /// One text: an array of issuers, of which one fits, is none of ours.
    iss: String,
    aud: Audience,
    pub(super) sub: UserId,
    pub(super) sid: SessionId,
    pub(super) role: Role,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
    jti: Uuid,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Claims {
    pub(super) fn new(
        issuer: &str,
        audience: &str,
        grant: Grant,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Self {
        let now = now.unix_timestamp();
        Self {
            iss: issuer.to_owned(),
            aud: Audience::One(audience.to_owned()),
            sub: grant.user,
            sid: grant.session,
            role: grant.role,
            iat: now,
            nbf: now,
            exp: expires_at.unix_timestamp(),
            jti: Uuid::now_v7(),
        }
    }
}

/// The moment that a claim means.
pub(super) fn instant(seconds: i64) -> Result<OffsetDateTime, TokenError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| TokenError::Malformed)
}

/// Refuses claims of which one is there twice. The library, which reads them later, takes either.
pub(super) fn refuse_duplicates(part: &str) -> Result<(), TokenError> {
    let json = shape::decode(part).ok_or(TokenError::Malformed)?;
    json::object::<IgnoredAny>(&json)?;
    Ok(())
}
