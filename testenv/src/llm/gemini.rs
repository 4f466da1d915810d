//! Gemini: `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`.

use std::sync::Arc;

use axum::{
    Router,
    http::{StatusCode, Uri},
    routing::post,
};
use serde_json::{Value, json};

use super::{
    Request,
    answer::Answer,
    exchange::{self, Server},
    wire::{Failure, Prompt, WireFormat, header, limit, text},
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

    fn model(uri: &Uri, _: &Value) -> String {
        model_and_method(uri).0.to_owned()
    }

    fn read(uri: &Uri, request: &Request) -> Result<Prompt, Failure> {
        if header(&request.headers, "x-goog-api-key")
            .or_else(|| parameter(uri, "key"))
            .is_none()
        {
            let message = "Method doesn't allow unregistered callers. Please use API Key to call this API.";
            return Err(Failure::new(StatusCode::FORBIDDEN, message));
        }
        let stream = match (model_and_method(uri).1, parameter(uri, "alt")) {
            ("generateContent", _) => false,
            ("streamGenerateContent", Some("sse")) => true,
            ("streamGenerateContent", _) => {
                return Err(Failure::invalid(
                    "the stand-in provider streams with alt=sse only",
                ));
            }
            (other, _) => {
                return Err(Failure::new(
                    StatusCode::NOT_FOUND,
                    format!("no such method: {other}"),
                ));
            }
        };
        let body = &request.body;
        let contents = body["contents"]
            .as_array()
            .filter(|contents| !contents.is_empty())
            .ok_or_else(|| {
                Failure::invalid("* GenerateContentRequest.contents: contents is not specified")
            })?;
        // A content without a role is the user's.
        let last_user = contents.iter().rfind(|content| content["role"] != "model");
        let parts = contents.iter().map(|content| text(&content["parts"]));
        Ok(Prompt {
            model: request.model.clone(),
            texts: [text(&body["systemInstruction"]["parts"])]
                .into_iter()
                .chain(parts)
                .collect(),
            last_user_message: last_user
                .map(|content| text(&content["parts"]))
                .unwrap_or_default(),
            max_tokens: limit(&body["generationConfig"]["maxOutputTokens"]),
            stream,
            stream_usage: true,
        })
    }

    fn message(answer: &Answer) -> Value {
        content(answer, &answer.text(), answer.output_tokens, true)
    }

    fn events(answer: &Answer) -> Vec<String> {
        let pieces = answer
            .pieces
            .iter()
            .enumerate()
            .map(|(index, piece)| content(answer, piece, index + 1, false));
        let end = content(answer, "", answer.output_tokens, true);
        pieces.chain([end]).map(|data| event(&data)).collect()
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

fn parameter<'u>(uri: &'u Uri, name: &str) -> Option<&'u str> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .into_iter()
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value)
}

fn content(answer: &Answer, text: &str, output_tokens: usize, last: bool) -> Value {
    let mut candidate = json!({ "content": { "parts": [{ "text": text }], "role": "model" }, "index": 0 });
    if last {
        candidate["finishReason"] = if answer.cut_short { "MAX_TOKENS" } else { "STOP" }.into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": answer.input_tokens,
            "candidatesTokenCount": output_tokens,
            "totalTokenCount": answer.input_tokens + output_tokens,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": answer.input_tokens }],
        },
        "modelVersion": answer.model,
        "responseId": answer.id,
    })
}

/// Google ends lines with CR LF.
fn event(data: &Value) -> String {
    format!("data: {data}\r\n\r\n")
}
