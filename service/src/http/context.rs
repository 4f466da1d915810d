//! What surrounds every request: its id, its span, and the one line that tells how it went.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tokio::time::Instant;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{Api, Problem};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of a request in answers and logs: the caller's own where it is a sane one.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestId(String);

impl RequestId {
    const MAX_BYTES: usize = 128;

    fn of(request: &Request) -> Self {
        let given = request
            .headers()
            .get(&REQUEST_ID)
            .and_then(|value| value.to_str().ok());
        let sane = |id: &&str| {
            !id.is_empty()
                && id.len() <= Self::MAX_BYTES
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
        };
        Self(
            given
                .filter(sane)
                .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned),
        )
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives a request its id and its span, and logs its end.
pub(super) async fn surround(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", id = id.as_str(), method = %request.method(), route);
    request.extensions_mut().insert(id.clone());
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let latency_ms = started.elapsed().as_secs_f64() * 1e3;
    // Probes come every second from every side; their lines would bury the rest.
    if route.starts_with("/health") {
        tracing::debug!(parent: &span, status, latency_ms, "answered");
    } else {
        tracing::info!(parent: &span, status, latency_ms, "answered");
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID.clone(), value);
    }
    if api.health.is_draining() {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Ends a request whose answer does not begin in time.
pub(super) async fn time_out(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    tokio::time::timeout(api.request_timeout, next.run(request))
        .await
        .map_err(|_| {
            Problem::new(
                http::StatusCode::GATEWAY_TIMEOUT,
                "timeout",
                "The answer did not begin in the time allowed.",
            )
        })
}
