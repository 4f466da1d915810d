//! Gemini: `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`.

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

const PATH: &str = "/v1beta/models/";

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route(&format!("{PATH}{{call}}"), post(exchange::answer::<Gemini>))
}

/// Gemini's wire format.
#[derive(Debug)]
struct Gemini;

impl WireFormat for Gemini {
    const REQUEST_ID: Option<&'static str> = None;

    const RETRY_AFTER: bool = false;

    fn model(uri: &Uri, _: &Value) -> String {
        model_and_method(uri).0.to_owned()
    }

    fn read(uri: &Uri, request: &Request) -> Result<Prompt, Failure> {
        request::read(uri, request)
    }

    fn message(answer: &Answer) -> Value {
        answer::message(answer)
    }

    fn events(answer: &Answer) -> Vec<String> {
        answer::events(answer).iter().map(event).collect()
    }

    fn error(failure: &Failure, _: Option<&str>) -> Value {
        let status = match failure.status.as_u16() {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            429 => "RESOURCE_EXHAUSTED",
            499 => "CANCELLED",
            503 => "UNAVAILABLE",
            504 => "DEADLINE_EXCEEDED",
            500..=599 => "INTERNAL",
            _ => "INVALID_ARGUMENT",
        };
        let mut error =
            json!({ "code": failure.status.as_u16(), "message": failure.message, "status": status });
        if let Some(seconds) = failure.retry_after {
            let kind = "type.googleapis.com/google.rpc.RetryInfo";
            error["details"] = json!([{ "@type": kind, "retryDelay": format!("{seconds}s") }]);
        }
        json!({ "error": error })
    }

    fn error_event(failure: &Failure) -> String {
        event(&Self::error(failure, None))
    }
}

/// `gemini-x` and `generateContent` of `…/models/gemini-x:generateContent`.
fn model_and_method(uri: &Uri) -> (&str, &str) {
    let call = uri.path().strip_prefix(PATH).unwrap_or_default();
    call.rsplit_once(':').unwrap_or((call, ""))
}

/// Google ends lines with CR LF.
fn event(data: &Value) -> String {
    format!("data: {data}\r\n\r\n")
}
