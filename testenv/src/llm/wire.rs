//! What a wire format must tell, and what it is told.

use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use super::{Request, answer::Answer};

/// One provider's wire format.
pub(super) trait WireFormat: 'static {
    /// The response header with the provider's id of the request.
    const REQUEST_ID: Option<&'static str>;

    /// Whether a header says how long to wait; who has none says it in the error itself.
    const RETRY_AFTER: bool = true;

    /// The model that a request names, found even where the request is wrong otherwise.
    fn model(uri: &Uri, body: &Value) -> String;

    /// Reads a request as the provider would, or refuses it.
    fn read(uri: &Uri, request: &Request) -> Result<Prompt, Failure>;

    /// The whole answer.
    fn message(answer: &Answer) -> Value;

    /// The answer as Server-Sent Events, each with its terminator.
    fn events(answer: &Answer) -> Vec<String>;

    /// The body of an error answer.
    fn error(failure: &Failure, request_id: Option<&str>) -> Value;

    /// An error within a stream, as a Server-Sent Event.
    fn error_event(failure: &Failure) -> String;
}

/// What a request asks for, whatever its wire format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) model: String,
    /// Every text in the conversation, for the token count.
    pub(super) texts: Vec<String>,
    pub(super) last_user_message: String,
    pub(super) max_tokens: Option<usize>,
    pub(super) stream: bool,
    /// Whether a stream ends with its token counts where that is the client's choice.
    pub(super) stream_usage: bool,
    /// The names of the tools that may be called.
    pub(super) tools: Vec<String>,
    pub(super) format: Format,
    /// How many other pieces are to be told beside each one, where likelihoods are asked for at all.
    pub(super) logprobs: Option<usize>,
}

/// What a text is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
    Schema(Value),
}

/// A request turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) message: String,
    /// Seconds.
    pub(super) retry_after: Option<u64>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// An error that the script asks for.
    pub(super) fn scripted(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(
            status,
            format!("the stand-in provider was told to answer {status}"),
        )
    }
}

/// A header's text.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
}

/// The text of a message's content: a string, or parts of which some are text or what a tool gave.
pub(super) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(text_of_part)
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

fn text_of_part(part: &Value) -> Option<String> {
    let given = &part["functionResponse"]["response"];
    if part["type"] == "tool_result" {
        Some(text(&part["content"]))
    } else if given.is_object() {
        Some(given.to_string())
    } else {
        part["text"].as_str().map(str::to_owned)
    }
}

/// A token limit; absurdly large ones limit nothing.
pub(super) fn limit(value: &Value) -> Option<usize> {
    value
        .as_u64()
        .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
