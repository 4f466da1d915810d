//! OpenAI: `POST /v1/chat/completions`, `GET /v1/models`.

mod answer;
mod request;

use std::sync::Arc;

use axum::{
    Router,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    Request,
    answer::Answer,
    connection::ConnectionHandle,
    exchange::{self, Exchange, Server},
    wire::{Failure, Prompt, WireFormat, header},
};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/chat/completions", post(exchange::answer::<OpenAi>))
        .route("/v1/models", get(models))
        .fallback(unknown_path)
}

/// OpenAI's wire format.
#[derive(Debug)]
struct OpenAi;

impl WireFormat for OpenAi {
    const REQUEST_ID: Option<&'static str> = Some("x-request-id");

    fn model(_: &Uri, body: &Value) -> String {
        body["model"].as_str().unwrap_or_default().to_owned()
    }

    fn read(_: &Uri, request: &Request) -> Result<Prompt, Failure> {
        authorize(&request.headers)?;
        request::read(request)
    }

    fn message(answer: &Answer) -> Value {
        answer::message(answer)
    }

    fn events(answer: &Answer) -> Vec<String> {
        let chunks = answer::chunks(answer);
        chunks
            .iter()
            .map(event)
            .chain(["data: [DONE]\n\n".to_owned()])
            .collect()
    }

    fn error(failure: &Failure, _: Option<&str>) -> Value {
        let (kind, code) = match failure.status {
            StatusCode::UNAUTHORIZED => ("invalid_request_error", Some("invalid_api_key")),
            StatusCode::NOT_FOUND => ("invalid_request_error", Some("model_not_found")),
            StatusCode::TOO_MANY_REQUESTS => ("requests", Some("rate_limit_exceeded")),
            status if status.is_server_error() => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        json!({ "error": { "message": failure.message, "type": kind, "param": null, "code": code } })
    }

    fn error_event(failure: &Failure) -> String {
        event(&Self::error(failure, None))
    }
}

async fn models(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let (request, call) = server.begin(&uri, headers, String::new(), Value::Null);
    let exchange = Exchange { call, connection };
    if let Err(failure) = authorize(&request.headers) {
        return exchange.refuse::<OpenAi>(&failure);
    }
    let models: Vec<_> = server
        .script()
        .listed()
        .iter()
        .map(|id| json!({ "id": id, "object": "model", "created": answer::CREATED, "owned_by": "stand-in" }))
        .collect();
    let list = json!({ "object": "list", "data": models }).to_string();
    exchange.whole::<OpenAi>(
        StatusCode::OK,
        HeaderValue::from_static("application/json"),
        list.into(),
    )
}

async fn unknown_path(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let (_, call) = server.begin(&uri, headers, String::new(), Value::Null);
    let failure = Failure::new(StatusCode::NOT_FOUND, format!("Invalid URL ({})", uri.path()));
    Exchange { call, connection }.refuse::<OpenAi>(&failure)
}

fn authorize(headers: &HeaderMap) -> Result<(), Failure> {
    let key = header(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    key.map(drop).ok_or_else(|| {
        let message =
            "You didn't provide an API key. Provide it in an Authorization header using Bearer auth.";
        Failure::new(StatusCode::UNAUTHORIZED, message)
    })
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}
