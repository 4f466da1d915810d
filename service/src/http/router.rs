//! The whole route table.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{StatusCode, Uri, header},
    middleware::{from_fn, from_fn_with_state},
    response::Response,
    routing::get,
};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem, admin, analyses, auth, authentication, body, context, cors, docs, document, drain,
    gate::Gate, health, keys, models, openai, page, problem, security_headers, usage,
};
use crate::{auth::Access, domain::Scope};

#[derive(OpenApi)]
#[openapi(
    info(title = "Ultra", description = "A panel of language models answers, reviews its answers, and writes one."),
    tags(
        (name = "analyses", description = "The panel."),
        (name = "usage", description = "What was used, and what it costs."),
        (name = "models", description = "The models that can be asked."),
        (name = "openai", description = "What OpenAI's clients speak."),
        (name = "auth", description = "Accounts and sessions."),
        (name = "keys", description = "API keys."),
        (name = "admin", description = "What admins manage."),
        (name = "health", description = "The service's own state."),
    ),
)]
struct Document;

/// Who comes to have a credential has none yet.
fn entrance() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(auth::register))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::jwks))
        .route("/", get(page::index))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script))
        .route("/icon.svg", get(page::icon))
        .route("/docs", get(docs::index))
        .route("/docs/", get(docs::start))
        .route("/docs/{*path}", get(docs::file))
}

/// What people and programs use.
fn inference() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(analyses::create))
        .routes(routes!(analyses::resume))
        .routes(routes!(models::health))
        .routes(routes!(models::list))
        .routes(routes!(openai::chat_completions::create))
        .routes(routes!(openai::models::list))
        .routes(routes!(openai::models::read))
}

/// What they have asked before.
fn history() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(analyses::list))
        .routes(routes!(analyses::read, analyses::delete))
        .routes(routes!(usage::read))
}

/// A person's own account.
fn account() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(auth::me))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::change_password))
        .routes(routes!(auth::erase))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::revoke))
}

/// What admins manage.
fn administration() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(admin::users::list))
        .routes(routes!(admin::users::change, admin::users::erase))
        .routes(routes!(admin::users::invite))
        .routes(routes!(admin::audit::read))
        .routes(routes!(admin::usage::read))
        .routes(routes!(admin::cache::read, admin::cache::clear))
        .routes(routes!(admin::provider_keys::list))
        .routes(routes!(admin::provider_keys::put, admin::provider_keys::delete))
}

/// What those ask who watch the service. A stopping service does not wait for these.
fn observation() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::summary))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::startup))
        .route("/api/health", get(health::summary))
}

/// Every route that a stopping service waits for, behind its gate. There is no way in but through a gate: a route
/// that is to be public says so here.
fn gated() -> [(Gate, OpenApiRouter<Api>); 5] {
    [
        (Gate::Public, entrance()),
        (Gate::Needs(Access::Scope(Scope::Inference)), inference()),
        (Gate::Needs(Access::Scope(Scope::History)), history()),
        (Gate::Needs(Access::Account), account()),
        (Gate::Needs(Access::Admin), administration()),
    ]
}

/// Routes and what surrounds them, outermost first: context, browsers, error shapes, panics, time.
pub fn router(api: Api) -> Router {
    let mut interface = OpenApiRouter::with_openapi(Document::openapi());
    let mut gates = BTreeMap::new();
    for (gate, routes) in gated() {
        interface = interface.merge(match gate.document(routes) {
            (Gate::Public, routes) => routes,
            (Gate::Needs(access), routes) => {
                let paths = routes.get_openapi().paths.paths.keys().cloned();
                gates.extend(paths.map(|path| (path, access)));
                routes.route_layer(from_fn_with_state((api.clone(), access), authentication::require))
            }
        });
    }
    let gates = Arc::new(gates);
    let interface = interface.layer(from_fn_with_state(api.clone(), drain::count));
    let (_, observation) = Gate::Public.document(observation());
    let (routes, document) = interface.merge(observation).split_for_parts();
    let document = json(&document::complete(Gate::describe(document)));
    routes
        .route(
            "/openapi.json",
            get(move || async { ([(header::CONTENT_TYPE, "application/json")], document) }),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(move |state, request| method_not_allowed(gates.clone(), state, request))
        .layer(
            ServiceBuilder::new()
                .layer(from_fn_with_state(api.clone(), context::surround))
                .layer(from_fn(security_headers::add))
                .option_layer(cors::layer(api.cors.as_ref()))
                .layer(from_fn(problem::render))
                .layer(CatchPanicLayer::custom(problem::from_panic))
                .layer(from_fn_with_state(api.clone(), context::time_out))
                .layer(from_fn_with_state(api.clone(), body::refuse_too_large))
                .layer(DefaultBodyLimit::max(api.max_body_bytes)),
        )
        .with_state(api)
}

/// The OpenAPI document of all routes.
pub fn openapi() -> String {
    let mut all = OpenApiRouter::with_openapi(Document::openapi());
    for (gate, routes) in gated() {
        all = all.merge(gate.document(routes).1);
    }
    let (_, observation) = Gate::Public.document(observation());
    json(&document::complete(Gate::describe(
        all.merge(observation).into_openapi(),
    )))
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

async fn method_not_allowed(
    gates: Arc<BTreeMap<String, Access>>,
    State(api): State<Api>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let detail = format!(
        "{} does not take {}; the header allow names what it takes.",
        parts.uri.path(),
        parts.method
    );
    let refusal = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
    let path = parts.extensions.get::<MatchedPath>();
    match path.and_then(|path| gates.get(path.as_str())) {
        Some(access) => authentication::refuse_method(&api, *access, &parts, refusal).await,
        None => Err(refusal),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is public and no part of the API, by declaration; `/openapi.json` is one more.
    const PAGES: [&str; 8] = [
        "/",
        "/api/health",
        "/docs",
        "/docs/",
        "/docs/{*path}",
        "/icon.svg",
        "/page.css",
        "/page.js",
    ];

    /// The paths of a router, which shows them to a debugger only.
    fn paths(router: &Router<Api>) -> BTreeSet<String> {
        let shown = format!("{router:?}");
        // What follows are the paths that axum itself needs for its fallbacks.
        let (shown, _) = shown.split_once("fallback_router").unwrap();
        let quoted = shown.split('"').skip(1).step_by(2);
        let paths: BTreeSet<String> = quoted
            .filter(|text| text.starts_with('/'))
            .map(str::to_owned)
            .collect();
        assert!(!paths.is_empty(), "{shown}");
        paths
    }

    #[test]
    fn no_route_is_missing_in_the_document_but_the_pages() {
        let mut undocumented = Vec::new();
        for (gate, routes) in gated().into_iter().chain([(Gate::Public, observation())]) {
            let (router, document) = routes.split_for_parts();
            let missing = paths(&router)
                .into_iter()
                .filter(|path| !document.paths.paths.contains_key(path));
            let missing: Vec<String> = missing.collect();
            assert!(matches!(gate, Gate::Public) || missing.is_empty(), "{missing:?}");
            undocumented.extend(missing);
        }
        undocumented.sort();
        assert_eq!(undocumented, PAGES);
    }
}
