//! Which pages of other origins may call the service from a browser.

use std::time::Duration;

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::limits;
use crate::config::{Cors, Origins};

/// How long a browser may remember the answer to its question.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The layer that answers browsers; without configuration it allows nobody.
pub(super) fn layer(cors: Option<&Cors>) -> CorsLayer {
    let Some(Cors { origins, credentials }) = cors else {
        return CorsLayer::new();
    };
    let origins = match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::These(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(*credentials)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("x-ultra-cache"),
            HeaderName::from_static("x-ultra-analysis-id"),
            limits::POLICY.clone(),
            limits::STANDING.clone(),
            limits::ALONE.clone(),
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ])
        .max_age(MAX_AGE)
}
