//! Anthropic: `POST /v1/messages`.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri},
    routing::post,
};
use serde_json::{Value, json};

use super::{
    Request,
    answer::Answer,
    exchange::{self, Server},
    wire::{Failure, Prompt, WireFormat, header, limit, text},
};

/// The API versions that clients may ask for; for a plain conversation their answers are the same.
const VERSIONS: [&str; 2] = ["2023-06-01", WITHOUT_SAMPLING];
const WITHOUT_SAMPLING: &str = "2026-10-21";
const SAMPLING: [&str; 3] = ["temperature", "top_p", "top_k"];

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
        let version = authorize(&request.headers)?;
        let body = &request.body;
        if !body.is_object() {
            return Err(Failure::invalid("The request body is not valid JSON"));
        }
        if request.model.is_empty() {
            return Err(Failure::invalid("model: Field required"));
        }
        let removed = SAMPLING.iter().find(|name| !body[**name].is_null());
        if let (WITHOUT_SAMPLING, Some(removed)) = (version, removed) {
            return Err(Failure::invalid(format!(
                "{removed}: not supported in API version {version}"
            )));
        }
        let max_tokens =
            limit(&body["max_tokens"]).ok_or_else(|| Failure::invalid("max_tokens: Field required"))?;
        let messages = body["messages"]
            .as_array()
            .filter(|messages| !messages.is_empty())
            .ok_or_else(|| Failure::invalid("messages: at least one message is required"))?;
        let contents = messages.iter().map(|message| text(&message["content"]));
        let last_user = messages.iter().rfind(|message| message["role"] == "user");
        Ok(Prompt {
            model: request.model.clone(),
            texts: [text(&body["system"])].into_iter().chain(contents).collect(),
            last_user_message: last_user
                .map(|message| text(&message["content"]))
                .unwrap_or_default(),
            max_tokens: Some(max_tokens),
            stream: body["stream"] == true,
            stream_usage: true,
        })
    }

    fn message(answer: &Answer) -> Value {
        let content = json!([{ "type": "text", "text": answer.text() }]);
        message(
            answer,
            &content,
            &stop_reason(answer).into(),
            answer.output_tokens,
        )
    }

    fn events(answer: &Answer) -> Vec<String> {
        let start = message(answer, &json!([]), &Value::Null, 1);
        let deltas = answer.pieces.iter().map(|piece| {
            json!({
                "type": "content_block_delta",
                "index": 0,
                "delta": { "type": "text_delta", "text": piece },
            })
        });
        let before = [
            json!({ "type": "message_start", "message": start }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "ping" }),
        ];
        let after = [
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({
                "type": "message_delta",
                "delta": { "stop_reason": stop_reason(answer), "stop_sequence": null },
                "usage": { "output_tokens": answer.output_tokens },
            }),
            json!({ "type": "message_stop" }),
        ];
        before
            .into_iter()
            .chain(deltas)
            .chain(after)
            .map(|data| event(&data))
            .collect()
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

/// Checks the key, which the SDKs send as a bearer token since 2026-10-21, and gives the API version.
fn authorize(headers: &HeaderMap) -> Result<&str, Failure> {
    let bearer = header(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    if header(headers, "x-api-key").or(bearer).is_none() {
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            "x-api-key header is required",
        ));
    }
    let version = header(headers, "anthropic-version")
        .ok_or_else(|| Failure::invalid("anthropic-version: header is required"))?;
    if VERSIONS.contains(&version) {
        Ok(version)
    } else {
        Err(Failure::invalid(format!(
            "anthropic-version: \"{version}\" is not a valid version"
        )))
    }
}

fn message(answer: &Answer, content: &Value, stop_reason: &Value, output_tokens: usize) -> Value {
    json!({
        "id": format!("msg_{}", answer.id),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": {
            "input_tokens": answer.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output_tokens,
            "service_tier": "standard",
        },
    })
}

fn stop_reason(answer: &Answer) -> &'static str {
    if answer.cut_short {
        "max_tokens"
    } else {
        "end_turn"
    }
}

/// Anthropic names every event after the type in its data.
fn event(data: &Value) -> String {
    format!(
        "event: {}\ndata: {data}\n\n",
        data["type"].as_str().unwrap_or_default()
    )
}
