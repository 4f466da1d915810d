//! The whole route table.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode, Uri, header},
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Api, Problem, analyses, context, drain, health, models, openai, page, problem};

#[derive(OpenApi)]
#[openapi(
    info(title = "Ultra", description = "A panel of language models answers, reviews its answers, and writes one."),
    tags(
        (name = "analyses", description = "The panel."),
        (name = "models", description = "The models that can be asked."),
        (name = "openai", description = "What OpenAI's clients speak."),
        (name = "health", description = "The service's own state."),
    ),
)]
struct Document;

/// What people and programs use. A stopping service waits for these requests.
fn interface() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(analyses::create))
        .routes(routes!(analyses::read))
        .routes(routes!(models::list))
        .routes(routes!(openai::chat_completions::create))
        .routes(routes!(openai::models::list))
        .routes(routes!(openai::models::read))
        .route("/", get(page::index))
}

/// What those ask who watch the service. Nobody waits for these.
fn observation() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::summary))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::startup))
        .route("/api/health", get(health::summary))
}

/// Routes and what surrounds them, outermost first: context, error shapes, panics, time.
pub fn router(api: Api) -> Router {
    let interface = interface().layer(from_fn_with_state(api.clone(), drain::count));
    let (routes, document) = interface.merge(observation()).split_for_parts();
    let document = json(&document);
    routes
        .route(
            "/openapi.json",
            get(move || async { ([(header::CONTENT_TYPE, "application/json")], document) }),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(
            ServiceBuilder::new()
                .layer(from_fn_with_state(api.clone(), context::surround))
                .layer(from_fn(problem::render))
                .layer(CatchPanicLayer::custom(problem::from_panic))
                .layer(from_fn_with_state(api.clone(), context::time_out))
                .layer(DefaultBodyLimit::max(api.max_body_bytes)),
        )
        .with_state(api)
}

/// The OpenAPI document of all routes.
pub fn openapi() -> String {
    json(&interface().merge(observation()).into_openapi())
}

fn json(document: &utoipa::openapi::OpenApi) -> String {
    document
        .to_pretty_json()
        .map(|json| json + "\n")
        .unwrap_or_default()
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(format!("There is nothing at {}.", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "{} does not take {method}; the header allow names what it takes.",
        uri.path()
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
