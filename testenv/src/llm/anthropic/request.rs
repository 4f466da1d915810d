//! What Anthropic reads, and what it refuses.

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::super::{
    Request,
    wire::{Failure, Format, Prompt, header, limit, text},
};

/// The API versions that clients may ask for; for a plain conversation their answers are the same.
const VERSIONS: [&str; 2] = ["2023-06-01", WITHOUT_SAMPLING];
const WITHOUT_SAMPLING: &str = "2026-10-21";
const SAMPLING: [&str; 3] = ["temperature", "top_p", "top_k"];

/// What other providers take and this one does not know.
const UNKNOWN: [&str; 6] = [
    "frequency_penalty",
    "logprobs",
    "presence_penalty",
    "response_format",
    "seed",
    "stop",
];

pub(super) fn read(request: &Request) -> Result<Prompt, Failure> {
    let version = authorize(&request.headers)?;
    let body = &request.body;
    if !body.is_object() {
        return Err(Failure::invalid("The request body is not valid JSON"));
    }
    if request.model.is_empty() {
        return Err(Failure::invalid("model: Field required"));
    }
    if let Some(unknown) = UNKNOWN.iter().find(|name| !body[**name].is_null()) {
        return Err(Failure::invalid(format!(
            "{unknown}: Extra inputs are not permitted"
        )));
    }
    check_sampling(body, version)?;
    let max_tokens =
        limit(&body["max_tokens"]).ok_or_else(|| Failure::invalid("max_tokens: Field required"))?;
    let messages = body["messages"]
        .as_array()
        .filter(|messages| !messages.is_empty())
        .ok_or_else(|| Failure::invalid("messages: at least one message is required"))?;
    check_messages(messages)?;
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
        tools: tools(body)?,
        format: format(&body["output_config"]["format"])?,
        logprobs: None,
    })
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

fn check_sampling(body: &Value, version: &str) -> Result<(), Failure> {
    let removed = SAMPLING.iter().find(|name| !body[**name].is_null());
    if let (WITHOUT_SAMPLING, Some(removed)) = (version, removed) {
        return Err(Failure::invalid(format!(
            "{removed}: not supported in API version {version}"
        )));
    }
    match body["temperature"].as_f64() {
        Some(temperature) if temperature > 1.0 => Err(Failure::invalid("temperature: range: 0..1")),
        _ => Ok(()),
    }
}

/// What a tool gave must answer a call of the turn before it, and every call must be answered.
fn check_messages(messages: &[Value]) -> Result<(), Failure> {
    let mut called: Vec<&Value> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        if !(message["role"] == "user" || message["role"] == "assistant") {
            return Err(Failure::invalid(format!(
                "messages.{at}.role: Input should be 'user' or 'assistant'"
            )));
        }
        let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
        let of_kind = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
        let results: Vec<_> = of_kind("tool_result")
            .map(|block| &block["tool_use_id"])
            .collect();
        if let Some(stray) = results.iter().find(|id| !called.contains(id)) {
            return Err(Failure::invalid(format!(
                "messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {stray}. Each `tool_result` \
                 block must have a corresponding `tool_use` block in the previous message."
            )));
        }
        if let Some(open) = called.iter().find(|id| !results.contains(id)) {
            return Err(Failure::invalid(format!(
                "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {open}. \
                 Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            )));
        }
        if of_kind("text").any(|block| block["text"] == "") {
            return Err(Failure::invalid(format!(
                "messages.{at}: text content blocks must be non-empty"
            )));
        }
        called = of_kind("tool_use").map(|block| &block["id"]).collect();
    }
    Ok(())
}

fn tools(body: &Value) -> Result<Vec<String>, Failure> {
    let Some(tools) = body["tools"].as_array() else {
        return Ok(Vec::new());
    };
    let name = |(index, tool): (usize, &Value)| match (tool["name"].as_str(), &tool["input_schema"]) {
        (Some(name), Value::Object(schema)) if schema.contains_key("type") => Ok(name.to_owned()),
        (Some(_), _) => Err(Failure::invalid(format!(
            "tools.{index}.custom.input_schema.type: Field required"
        ))),
        _ => Err(Failure::invalid(format!(
            "tools.{index}.custom.name: Field required"
        ))),
    };
    let names = tools
        .iter()
        .enumerate()
        .map(name)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(if body["tool_choice"]["type"] == "none" {
        Vec::new()
    } else {
        names
    })
}

fn format(format: &Value) -> Result<Format, Failure> {
    match format["type"].as_str() {
        Some("json_schema") if format["schema"].is_object() => Ok(Format::Schema(format["schema"].clone())),
        Some("json_schema") => Err(Failure::invalid("output_config.format.schema: Field required")),
        Some(_) => Err(Failure::invalid(
            "output_config.format.type: Input should be 'json_schema'",
        )),
        None => Ok(Format::Text),
    }
}
