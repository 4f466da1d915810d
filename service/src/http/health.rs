//! The service's own state. Nothing here looks at a dependency: every answer comes from memory.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Api, Problem, problem::ProblemBody};
use crate::health::{Report, Status};

const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// The service at a glance: itself and what it depends on.
#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    responses(
        (status = 200, description = "Requests are served, perhaps with something lost.", body = Report),
        (status = 503, description = "Requests should go elsewhere.", body = Report),
    ),
)]
pub(super) async fn summary(State(api): State<Api>) -> Response {
    let report = api.health.report();
    match report.status {
        Status::Unhealthy => {
            let later = [(header::RETRY_AFTER, "1")];
            (StatusCode::SERVICE_UNAVAILABLE, NO_STORE, later, Json(report)).into_response()
        }
        Status::Healthy | Status::Degraded => (NO_STORE, Json(report)).into_response(),
    }
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
