//! From a request on the wire to one that can be answered: everything that is unsupported is refused by name.

use serde_json::{Map, Value, json};

use super::{
    conversation,
    wire::{ChatRequest, Stop},
};
use crate::{
    http::Problem,
    llm::{Message, Sampling},
};

/// A request that can be answered.
#[derive(Debug)]
pub(super) struct Chat {
    pub(super) model: String,
    pub(super) messages: Vec<Message>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    pub(super) max_tokens: Option<u32>,
    pub(super) sampling: Sampling,
    pub(super) stop: Vec<String>,
}

impl TryFrom<ChatRequest> for Chat {
    type Error = Problem;

    fn try_from(request: ChatRequest) -> Result<Self, Problem> {
        refuse_unsupported("", &request.rest, &PARAMETERS)?;
        let messages = conversation::read(request.messages)?;
        in_range("/temperature", request.temperature, 2.0)?;
        in_range("/top_p", request.top_p, 1.0)?;
        let max_tokens = request.max_completion_tokens.or(request.max_tokens);
        if max_tokens == Some(0) {
            return Err(invalid("/max_completion_tokens", "must be at least 1"));
        }
        let stream = request.stream.unwrap_or(false);
        if request.stream_options.is_some() && !stream {
            return Err(invalid("/stream_options", "is allowed only where stream is true"));
        }
        Ok(Self {
            model: request.model,
            messages,
            stream,
            include_usage: request
                .stream_options
                .is_some_and(|options| options.include_usage),
            max_tokens,
            sampling: Sampling {
                temperature: request.temperature,
                top_p: request.top_p,
                seed: request.seed,
                ..Sampling::default()
            },
            stop: stops(request.stop)?,
        })
    }
}

/// What OpenAI takes and this service does not do.
const PARAMETERS: [&str; 23] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "service_tier",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "verbosity",
    "web_search_options",
];

/// Whether a value asks for nothing that would not happen anyway.
fn asks_for_nothing(name: &str, value: &Value) -> bool {
    match (name, value) {
        (_, Value::Null) => true,
        (_, Value::Array(list)) if list.is_empty() => true,
        (_, Value::Object(object)) if object.is_empty() => true,
        ("logprobs", Value::Bool(wanted)) => !wanted,
        // Without tools there is nothing to call, one after another or at once.
        ("parallel_tool_calls", Value::Bool(_)) => true,
        ("frequency_penalty" | "presence_penalty" | "top_logprobs", number) => number.as_f64() == Some(0.0),
        ("n", number) => number.as_u64() == Some(1),
        ("response_format", format) => *format == json!({"type": "text"}),
        ("modalities", modalities) => *modalities == json!(["text"]),
        ("service_tier", tier) => tier == "auto" || tier == "default",
        ("tool_choice", choice) => choice == "none" || choice == "auto",
        _ => false,
    }
}

/// Refuses every field that asks for something which would not happen.
pub(super) fn refuse_unsupported(at: &str, rest: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    let asked = rest.iter().find(|(name, value)| !asks_for_nothing(name, value));
    let Some((name, _)) = asked else { return Ok(()) };
    let (code, detail) = if known.contains(&name.as_str()) {
        (
            "unsupported-parameter",
            format!("The parameter `{name}` is not supported with this value."),
        )
    } else {
        ("unknown-parameter", format!("There is no parameter `{name}`."))
    };
    Err(Problem::bad_request(code, detail.clone()).at(&format!("{at}/{name}"), detail))
}

fn stops(stop: Option<Stop>) -> Result<Vec<String>, Problem> {
    let stops = match stop {
        None => Vec::new(),
        Some(Stop::One(text)) => vec![text],
        Some(Stop::Many(texts)) => texts,
    };
    if stops.len() > 4 || stops.iter().any(String::is_empty) {
        return Err(invalid("/stop", "takes up to 4 texts, none of them empty"));
    }
    Ok(stops)
}

fn in_range(pointer: &str, value: Option<f32>, most: f32) -> Result<(), Problem> {
    match value {
        Some(value) if !(0.0..=most).contains(&value) => {
            Err(invalid(pointer, &format!("must be from 0 to {most}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn invalid(pointer: &str, problem: &str) -> Problem {
    let name = pointer.trim_start_matches('/').replace('/', ".");
    let detail = format!("`{name}` {problem}.");
    Problem::bad_request("invalid-value", detail.clone()).at(pointer, detail)
}
