//! Anthropic: `POST /v1/messages`.

mod answer;
mod request;

use std::sync::Arc;

use axum::{Router, http::Uri, routing::post};
use serde_json::{Value, json};

use super::{
    Request,
    answer::Answer,
    exchange::{self, Server},
    wire::{Failure, Prompt, WireFormat},
};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/v1/messages", post(exchange::answer::<Anthropic>))
}

/// Anthropic's wire format.
#[derive(Debug)]
struct Anthropic;

impl WireFormat for Anthropic {
    const REQUEST_ID: Option<&'static str> = Some("request-id");

    fn model(_: &Uri, body: &Value) -> String {
        body["model"].as_str().unwrap_or_default().to_owned()
    }

    fn read(_: &Uri, request: &Request) -> Result<Prompt, Failure> {
        request::read(request)
    }

    fn message(answer: &Answer) -> Value {
        answer::message(answer)
    }

    fn events(answer: &Answer) -> Vec<String> {
        answer::events(answer).iter().map(event).collect()
    }

    fn error(failure: &Failure, request_id: Option<&str>) -> Value {
        let kind = match failure.status.as_u16() {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            409 => "conflict_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            504 => "timeout_error",
            529 => "overloaded_error",
            500..=599 => "api_error",
            _ => "invalid_request_error",
        };
        json!({
            "type": "error",
            "error": { "type": kind, "message": failure.message },
            "request_id": request_id,
        })
    }

    fn error_event(failure: &Failure) -> String {
        event(&Self::error(failure, None))
    }
}

/// Anthropic names every event after the type in its data.
fn event(data: &Value) -> String {
    format!(
        "event: {}\ndata: {data}\n\n",
        data["type"].as_str().unwrap_or_default()
    )
}
