//! From the credential of a request to its principal.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use time::OffsetDateTime;

use super::{
    ApiKeys, Principal, Revocations, Tokens, looks_like_jwt,
    opaque_token::{Kind, OpaqueToken},
    test_users::TestUsers,
};
use crate::store::{self, Store};

/// Recognizes who makes a request.
pub struct Authenticator {
    tokens: Arc<Tokens>,
    keys: Arc<ApiKeys>,
    revocations: Arc<Revocations>,
    test_users: TestUsers,
    anonymous: bool,
}

/// Why a request has no principal.
#[derive(Debug, thiserror::Error)]
pub enum Unauthenticated {
    /// There is no credential, and it needs one.
    #[error("This needs a credential: an API key, or an access token from /api/v1/auth/login.")]
    Missing,
    /// There is one that is not valid. Why in particular is for the log alone.
    #[error("The credential is not valid: it is malformed, expired, revoked, or not for this service.")]
    Invalid(&'static str),
    /// Whether it is valid cannot be found out now.
    #[error("the credential cannot be checked: {0}")]
    Unavailable(#[from] store::Error),
    /// Whether it was revoked is not known yet, because this replica has just started.
    #[error("This replica has just started, and does not know yet who was shut out; try again in a moment.")]
    Unsettled,
}

/// What a request brings to say who makes it.
#[derive(Debug, PartialEq, Eq)]
enum Credential<'a> {
    None,
    /// Something that this service never issues; stock clients insist on sending some key.
    Foreign,
    ApiKey(&'a str),
    AccessToken(&'a str),
    /// More than one, so that nobody knows which is meant.
    Ambiguous,
}

impl Authenticator {
    /// `anonymous`: whether requests without a credential of this service are admitted.
    pub fn new(
        store: Arc<dyn Store>,
        tokens: Arc<Tokens>,
        keys: Arc<ApiKeys>,
        revocations: Arc<Revocations>,
        anonymous: bool,
    ) -> Self {
        Self {
            tokens,
            keys,
            revocations,
            test_users: TestUsers::new(store),
            anonymous,
        }
    }

    /// Who makes a request with these headers.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        now: OffsetDateTime,
    ) -> Result<Principal, Unauthenticated> {
        match Credential::of(headers) {
            Credential::None | Credential::Foreign if self.anonymous => Ok(Principal::Anonymous),
            Credential::None => Err(Unauthenticated::Missing),
            Credential::Foreign => Err(Unauthenticated::Invalid("foreign")),
            Credential::Ambiguous => Err(Unauthenticated::Invalid("ambiguous")),
            Credential::ApiKey(text) => {
                let key = OpaqueToken::parse(Kind::ApiKey, text)
                    .map_err(|_| Unauthenticated::Invalid("malformed_key"))?;
                let known = self.keys.recognize(&key, now).await?;
                known.ok_or(Unauthenticated::Invalid("unknown_key"))
            }
            Credential::AccessToken(text) => {
                let verified = self
                    .tokens
                    .verify(text, now)
                    .map_err(|error| Unauthenticated::Invalid(error.class()))?;
                if !self.revocations.are_known().await {
                    return Err(Unauthenticated::Unsettled);
                }
                if self.revocations.contains(verified.session.as_uuid()) {
                    return Err(Unauthenticated::Invalid("revoked"));
                }
                if verified.test {
                    self.test_users.welcome(&verified).await?;
                }
                Ok(Principal::User {
                    user: verified.user,
                    session: verified.session,
                    role: verified.role,
                })
            }
        }
    }
}

impl Authenticator {
    /// Whether a request with these headers is recognized without a look into the store.
    pub async fn knows(&self, headers: &HeaderMap, now: OffsetDateTime) -> bool {
        match Credential::of(headers) {
            Credential::None | Credential::Foreign => self.anonymous,
            Credential::Ambiguous => false,
            Credential::ApiKey(text) => match OpaqueToken::parse(Kind::ApiKey, text) {
                Ok(key) => self.keys.knows(&key).await,
                Err(_) => false,
            },
            Credential::AccessToken(text) => self.tokens.verify(text, now).is_ok(),
        }
    }
}

impl<'a> Credential<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Self::None;
        };
        if values.next().is_some() {
            return Self::Ambiguous;
        }
        let text = value.to_str().unwrap_or_default();
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") {
            Self::Foreign
        } else if OpaqueToken::claims(Kind::ApiKey, token) {
            Self::ApiKey(token)
        } else if looks_like_jwt(token) {
            Self::AccessToken(token)
        } else {
            Self::Foreign
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        format!("{:?}", Credential::of(&headers))
    }

    #[test]
    fn credentials_are_told_apart_by_their_shape() {
        assert_eq!(of(&[]), "None");
        for foreign in [
            "Basic dXNlcjpwYXNz",
            "Bearer sk-proj-123",
            "Bearer",
            "Bearer ",
            "",
            "Bearer a.b.c",
        ] {
            assert_eq!(of(&[foreign]), "Foreign", "{foreign}");
        }
        assert_eq!(of(&["bearer uk_x"]), "ApiKey(\"uk_x\")");
        assert_eq!(of(&["BEARER  uk_x "]), "ApiKey(\"uk_x\")");
        let jwt = "eyJhbGciOiJub25lIn0.e30.";
        assert_eq!(of(&[&format!("Bearer {jwt}")]), format!("AccessToken({jwt:?})"));
        assert_eq!(of(&["Bearer uk_x", "Bearer uk_x"]), "Ambiguous");
    }
}
