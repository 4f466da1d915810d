use axum::{
    Router,
    body::{Body, to_bytes},
    middleware::from_fn,
    routing::get,
};
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::catch_panic::CatchPanicLayer;

use super::*;

async fn ask(path: &str) -> (StatusCode, HeaderMap, Value) {
    async fn broken() -> StatusCode {
        panic!("the secret is 1234")
    }
    let app: Router = Router::new()
        .route("/panics", get(broken))
        .route("/v1/panics", get(broken))
        .route(
            "/unavailable",
            get(|| async { Problem::unavailable("store-unavailable", "Later.") }),
        )
        .route("/bare", get(|| async { StatusCode::REQUEST_TIMEOUT }))
        .layer(
            ServiceBuilder::new()
                .layer(from_fn(render))
                .layer(CatchPanicLayer::custom(from_panic)),
        );
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    (
        parts.status,
        parts.headers,
        serde_json::from_slice(&body).unwrap(),
    )
}

#[tokio::test]
async fn a_panic_becomes_a_problem_that_tells_nothing_of_the_inside() {
    let (status, headers, body) = ask("/panics").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(body["type"], "https://ultra.dev/problems/internal");
    assert!(!body.to_string().contains("1234"), "{body}");
}

#[tokio::test]
async fn under_v1_a_problem_is_an_openai_error() {
    let (status, headers, body) = ask("/v1/panics").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(
        (&body["error"]["type"], &body["error"]["code"]),
        (&json!("server_error"), &json!("internal"))
    );
}

#[tokio::test]
async fn a_503_says_when_to_come_back() {
    let (_, headers, _) = ask("/unavailable").await;
    assert_eq!(headers[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn an_error_that_a_layer_made_by_itself_gets_a_body_too() {
    let (status, headers, body) = ask("/bare").await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::REQUEST_TIMEOUT, &json!(408))
    );
    assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
}
