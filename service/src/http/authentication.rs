//! Who makes a request: found out before its handler, by what its route needs, and refused here otherwise.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use time::OffsetDateTime;

use super::{Api, Problem, client_address::ClientAddress, limits};
use crate::{
    auth::{Access, Denied, Principal, Unauthenticated},
    domain::{ClientNetwork, SessionId, UserId},
    limits::Caller,
};

/// The protection space (RFC 9110, section 11.5): the challenge that every 401 begins with.
pub(super) const REALM: &str = "Bearer realm=\"ultra\"";

/// Lets a request through whose principal has this access and is within its limits, and tells its handler who that
/// is. Every answer from here on tells how far the limits are.
pub(super) async fn require(
    State((api, access)): State<(Api, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let ClientAddress(address) = ClientAddress::of(request.extensions(), request.headers(), &api)?;
    let principal = authenticate(&api, request.headers(), address.into()).await?;
    let admitted = api.limits.admit(Caller::new(&principal, address.into())).await;
    let allowance = match admitted {
        Ok(allowance) => allowance,
        Err(exceeded) => {
            let told = exceeded.told.clone();
            return Ok(limits::tell(&told, Problem::from(exceeded).into_response()));
        }
    };
    let response = match principal.require(access) {
        Ok(()) => {
            request.extensions_mut().insert(principal);
            request.extensions_mut().insert(allowance.clone());
            next.run(request).await
        }
        // Who brought something is nobody where that is admitted, and no less refused here for what they brought.
        Err(Denied::Unauthenticated) if request.headers().contains_key(header::AUTHORIZATION) => {
            Problem::from(Unauthenticated::Invalid("foreign")).into_response()
        }
        Err(denied) => Problem::from(denied).into_response(),
    };
    Ok(limits::tell(&allowance.told(), response))
}

/// Who makes the request. An address with too many that fail is not looked up any more, but for who is known anyway:
/// a neighbour's guesses shut nobody out.
async fn authenticate(api: &Api, headers: &HeaderMap, network: ClientNetwork) -> Result<Principal, Problem> {
    let now = OffsetDateTime::now_utc();
    if let Err(barred) = api.limits.refuse_barred(network)
        && !api.authenticator.knows(headers, now).await
    {
        return Err(barred.into());
    }
    match api.authenticator.authenticate(headers, now).await {
        Err(refused @ (Unauthenticated::Missing | Unauthenticated::Invalid(_))) => {
            api.limits.count_refused(network).await?;
            Err(refused.into())
        }
        result => Ok(result?),
    }
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
