//! Who makes a request: found out before its handler, by what its route needs, and refused here otherwise.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};
use time::OffsetDateTime;

use super::{Api, Problem};
use crate::{
    auth::{Access, Denied, Principal, Unauthenticated},
    domain::{SessionId, UserId},
};

/// The protection space (RFC 9110, section 11.5): the challenge that every 401 begins with.
pub(super) const REALM: &str = "Bearer realm=\"ultra\"";

/// Lets a request through whose principal has this access, and tells its handler who that is.
pub(super) async fn require(
    State((api, access)): State<(Api, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let principal = api
        .authenticator
        .authenticate(request.headers(), OffsetDateTime::now_utc())
        .await?;
    if let Err(denied) = principal.require(access) {
        // Who brought something is nobody where that is admitted, and no less refused here for what they brought.
        let brought = request.headers().contains_key(header::AUTHORIZATION);
        return Err(match denied {
            Denied::Unauthenticated if brought => Unauthenticated::Invalid("foreign").into(),
            denied => denied.into(),
        });
    }
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

// A handler sees a principal only behind `require`. On a public route this refuses everybody, which a test notices.
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let principal = parts.extensions.get::<Self>();
        principal.cloned().ok_or_else(|| Unauthenticated::Missing.into())
    }
}

/// A user who has logged in.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoggedIn {
    pub(super) user: UserId,
    pub(super) session: SessionId,
}

impl<S: Sync> FromRequestParts<S> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Principal::from_request_parts(parts, state).await? {
            Principal::User { user, session, .. } => Ok(Self { user, session }),
            Principal::Key { .. } => Err(Denied::KeyRefused.into()),
            Principal::Anonymous => Err(Denied::Unauthenticated.into()),
        }
    }
}

/// A user of whom the route has made sure that they are an admin, by token or key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admin(pub(super) UserId);

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let principal = Principal::from_request_parts(parts, state).await?;
        principal.require(Access::Admin)?;
        match principal {
            Principal::User { user, .. } | Principal::Key { user, .. } => Ok(Self(user)),
            Principal::Anonymous => Err(Denied::Unauthenticated.into()),
        }
    }
}

impl From<Unauthenticated> for Problem {
    fn from(refused: Unauthenticated) -> Self {
        let detail = refused.to_string();
        match refused {
            Unauthenticated::Missing => {
                Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail).challenge(REALM.to_owned())
            }
            Unauthenticated::Invalid(class) => {
                tracing::info!(class, "a credential is refused");
                Self::new(StatusCode::UNAUTHORIZED, "invalid-credential", detail)
                    .challenge(format!("{REALM}, error=\"invalid_token\""))
            }
            Unauthenticated::Unavailable(error) => error.into(),
            Unauthenticated::Unsettled => Self::unavailable("starting", detail),
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let detail = denied.to_string();
        match denied {
            Denied::Unauthenticated => {
                Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail).challenge(REALM.to_owned())
            }
            Denied::Scope(scope) => Self::new(StatusCode::FORBIDDEN, "insufficient-scope", detail).challenge(
                format!("{REALM}, error=\"insufficient_scope\", scope=\"{scope}\""),
            ),
            Denied::KeyRefused | Denied::NotAdmin => Self::new(StatusCode::FORBIDDEN, "forbidden", detail),
        }
    }
}
