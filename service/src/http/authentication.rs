//! Who makes a request: found out before its handler, by what its route needs, and refused here otherwise.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{Extensions, HeaderMap, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use time::OffsetDateTime;

use super::{Api, Problem, client_address::ClientAddress, idempotency, limits};
use crate::{
    auth::{Access, Denied, Principal, Unauthenticated},
    domain::{ClientNetwork, SessionId, UserId},
    limits::{Allowance, Caller},
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
    let (principal, allowance) = match admit(&api, access, request.extensions(), request.headers()).await? {
        Ok(admitted) => admitted,
        Err(refused) => return Ok(refused),
    };
    let account = principal.account();
    request.extensions_mut().insert(principal);
    request.extensions_mut().insert(allowance.clone());
    let response = if request.headers().contains_key(&idempotency::KEY) {
        let answer = idempotency::answer_once(&api, account, request, next).await;
        answer.unwrap_or_else(IntoResponse::into_response)
    } else {
        next.run(request).await
    };
    Ok(limits::tell(&allowance.told(), response))
}

/// The answer to a method that a path does not take, to whom its routes would let in: a stranger is refused whatever
/// they ask.
pub(super) async fn refuse_method(
    api: &Api,
    access: Access,
    Parts {
        extensions, headers, ..
    }: &Parts,
    refusal: Problem,
) -> Result<Response, Problem> {
    Ok(match admit(api, access, extensions, headers).await? {
        Ok((_, allowance)) => limits::tell(&allowance.told(), refusal.into_response()),
        Err(refused) => refused,
    })
}

/// Who asks, and what they may use; or the answer to who may not, where that tells how far their limits are.
async fn admit(
    api: &Api,
    access: Access,
    extensions: &Extensions,
    headers: &HeaderMap,
) -> Result<Result<(Principal, Allowance), Response>, Problem> {
    let ClientAddress(address) = ClientAddress::of(extensions, headers, api)?;
    let principal = authenticate(api, headers, address.into()).await?;
    let admitted = api.limits.admit(Caller::new(&principal, address.into())).await;
    let allowance = match admitted {
        Ok(allowance) => allowance,
        Err(exceeded) => {
            let told = exceeded.told.clone();
            return Ok(Err(limits::tell(&told, Problem::from(exceeded).into_response())));
        }
    };
    let problem = match principal.require(access) {
        Ok(()) => return Ok(Ok((principal, allowance))),
        // Who brought something is nobody where that is admitted, and no less refused here for what they brought.
        Err(Denied::Unauthenticated) if headers.contains_key(header::AUTHORIZATION) => {
            Problem::from(Unauthenticated::Invalid("foreign"))
        }
        Err(denied) => Problem::from(denied),
    };
    Ok(Err(limits::tell(&allowance.told(), problem.into_response())))
}

/// Who makes the request. An address with too many that fail is not looked up any more, but for who is known anyway:
/// a neighbour's guesses shut nobody out.
pub(super) async fn authenticate(
    api: &Api,
    headers: &HeaderMap,
    network: ClientNetwork,
) -> Result<Principal, Problem> {
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
