//! The OpenAPI document, browsable, at `/docs/`: Swagger UI out of the binary, so that nothing is loaded from other
//! hosts.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use utoipa_swagger_ui::{Config, serve};

use super::Problem;

/// Its own scripts and styles only, and requests to this service only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("/openapi.json")));

pub(super) async fn index() -> Redirect {
    Redirect::permanent("/docs/")
}

pub(super) async fn start() -> Result<Response, Problem> {
    file(Path(String::new())).await
}

pub(super) async fn file(Path(path): Path<String>) -> Result<Response, Problem> {
    let file = serve(&path, CONFIG.clone()).map_err(|error| {
        tracing::error!(%error, "a file of the documentation cannot be read");
        Problem::internal()
    })?;
    let file = file.ok_or_else(|| Problem::not_found(format!("There is nothing at /docs/{path}.")))?;
    let headers = [
        (header::CONTENT_TYPE, file.content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
    ];
    Ok((headers, file.bytes.into_owned()).into_response())
}
