//! The page at `/`: one file, which loads nothing from anywhere else.

use axum::{
    http::{HeaderName, header},
    response::Html,
};

const PAGE: &str = include_str!("index.html");

/// Nothing but what stands in the page itself may run or be loaded, and its requests stay with this service.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn index() -> ([(HeaderName, &'static str); 1], Html<&'static str>) {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}
