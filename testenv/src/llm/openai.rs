//! OpenAI: `POST /v1/chat/completions`, `GET /v1/models`.

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
    wire::{Failure, Prompt, WireFormat, header, limit, text},
};

/// Fixed, so that equal requests have equal answers.
const CREATED: u64 = 1_750_000_000;

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
        let body = &request.body;
        if !body.is_object() {
            return Err(Failure::invalid(
                "We could not parse the JSON body of your request.",
            ));
        }
        if request.model.is_empty() {
            return Err(Failure::invalid("you must provide a model parameter"));
        }
        let messages = body["messages"]
            .as_array()
            .filter(|messages| !messages.is_empty())
            .ok_or_else(|| Failure::invalid("Missing required parameter: 'messages'."))?;
        Ok(Prompt {
            model: request.model.clone(),
            texts: messages.iter().map(|message| text(&message["content"])).collect(),
            last_user_message: last_user_message(messages),
            max_tokens: limit(&body["max_completion_tokens"]).or_else(|| limit(&body["max_tokens"])),
            stream: body["stream"] == true,
            stream_usage: body["stream_options"]["include_usage"] == true,
        })
    }

    fn message(answer: &Answer) -> Value {
        json!({
            "id": format!("chatcmpl-{}", answer.id),
            "object": "chat.completion",
            "created": CREATED,
            "model": answer.model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": answer.text(), "refusal": null, "annotations": [] },
                "logprobs": null,
                "finish_reason": finish_reason(answer),
            }],
            "usage": usage(answer),
            "service_tier": "default",
        })
    }

    fn events(answer: &Answer) -> Vec<String> {
        let first = json!({ "role": "assistant", "content": "", "refusal": null });
        let pieces = answer.pieces.iter().map(|piece| json!({ "content": piece }));
        let deltas = [first]
            .into_iter()
            .chain(pieces)
            .map(|delta| (delta, Value::Null));
        let choices = deltas
            .chain([(json!({}), finish_reason(answer).into())])
            .map(|(delta, finish)| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]));
        let mut chunks: Vec<_> = choices
            .map(|choices| chunk(answer, &choices, &Value::Null))
            .collect();
        if answer.stream_usage {
            chunks.push(chunk(answer, &json!([]), &usage(answer)));
        }
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
        .map(|id| json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "stand-in" }))
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

fn last_user_message(messages: &[Value]) -> String {
    messages
        .iter()
        .rfind(|message| message["role"] == "user")
        .map(|message| text(&message["content"]))
        .unwrap_or_default()
}

fn finish_reason(answer: &Answer) -> &'static str {
    if answer.cut_short { "length" } else { "stop" }
}

fn usage(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.total_tokens(),
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

fn chunk(answer: &Answer, choices: &Value, usage: &Value) -> Value {
    let mut chunk = json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": answer.model,
        "service_tier": "default",
        "choices": choices,
    });
    if answer.stream_usage {
        chunk["usage"] = usage.clone();
    }
    chunk
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}
