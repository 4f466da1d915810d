//! The page at `/`: four files out of the binary, which load nothing from anywhere else.

use axum::{
    http::{HeaderName, header},
    response::{Html, IntoResponse},
};

const PAGE: &str = include_str!("index.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const ICON: &str = include_str!("icon.svg");

/// Nothing but the page's own files may run or be loaded, its requests stay with this service, and no text becomes markup.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

type Headers = [(HeaderName, &'static str); 2];

/// The files of one version belong together.
const FRESH: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

pub(super) async fn index() -> (Headers, Html<&'static str>) {
    ([(header::CONTENT_SECURITY_POLICY, POLICY), FRESH], Html(PAGE))
}

pub(super) async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn icon() -> impl IntoResponse {
    file("image/svg+xml", ICON)
}

fn file(media_type: &'static str, content: &'static str) -> (Headers, &'static str) {
    ([(header::CONTENT_TYPE, media_type), FRESH], content)
}
