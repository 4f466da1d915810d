//! The service's own state. Nothing here looks at a dependency: every answer comes from memory.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api, Problem, authentication::authenticate, client_address::ClientAddress, problem::ProblemBody,
};
use crate::{
    auth::Access,
    health::{Report, Status},
};

const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Of draft-inadarei-api-health-check.
const HEALTH_JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/health+json")];

/// How much to tell.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Detail {
    /// Whether to tell what only admins may know: pools, breakers, caches, keys. `?detailed` is enough.
    #[param(pattern = "^(true|false)?$")]
    detailed: Option<String>,
}

impl Detail {
    fn is_asked_for(&self) -> Result<bool, Problem> {
        match self.detailed.as_deref() {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(_) => Err(Problem::bad_request(
                "malformed-query",
                "The parameter detailed is true or false, or has no value.",
            )),
        }
    }
}

/// The service at a glance: itself and what it depends on.
#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    params(Detail),
    responses(
        (status = 200, description = "Requests are served, perhaps with something lost.", body = Report, content_type = "application/health+json"),
        (status = 401, description = "Details need a credential.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Details need an admin's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "There were too many credentials that are not valid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Requests should go elsewhere.", body = Report, content_type = "application/health+json"),
    ),
)]
pub(super) async fn summary(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    query: Result<Query<Detail>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(detail) = query?;
    let report = if detail.is_asked_for()? {
        // Guesses count here as they do at every gate.
        let principal = authenticate(&api, &headers, address.into()).await?;
        principal.require(Access::Admin)?;
        api.health.detailed_report()
    } else {
        api.health.report()
    };
    let status = report.status;
    let body = (NO_STORE, HEALTH_JSON, Json(report));
    Ok(match status {
        Status::Fail => {
            let later = [(header::RETRY_AFTER, "1")];
            (StatusCode::SERVICE_UNAVAILABLE, later, body).into_response()
        }
        Status::Pass | Status::Warn => body.into_response(),
    })
}

/// Whether the process lives. It touches nothing.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "It does.")))]
pub(super) async fn live() -> impl IntoResponse {
    (NO_STORE, "live")
}

/// Whether the service can take requests.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    responses(
        (status = 200, description = "It can."),
        (status = 503, description = "It cannot.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn ready(State(api): State<Api>) -> Response {
    match api.health.not_ready() {
        Some(reason) => Problem::unavailable("not-ready", reason).into_response(),
        None => (NO_STORE, "ready").into_response(),
    }
}

/// Whether the start is over.
#[utoipa::path(
    get,
    path = "/health/startup",
    tag = "health",
    responses(
        (status = 200, description = "It is."),
        (status = 503, description = "It is not.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn startup(State(api): State<Api>) -> Response {
    match api.health.not_started() {
        Some(reason) => Problem::unavailable("not-started", reason).into_response(),
        None => (NO_STORE, "started").into_response(),
    }
}
