//! What Gemini reads, and what it refuses.

use axum::http::{StatusCode, Uri};
use serde_json::Value;

use super::{
    super::{
        Request,
        wire::{Failure, Format, Prompt, header, limit, text},
    },
    model_and_method,
};

const STOP_SEQUENCES: usize = 5;

pub(super) fn read(uri: &Uri, request: &Request) -> Result<Prompt, Failure> {
    if header(&request.headers, "x-goog-api-key")
        .or_else(|| parameter(uri, "key"))
        .is_none()
    {
        let message = "Method doesn't allow unregistered callers. Please use API Key to call this API.";
        return Err(Failure::new(StatusCode::FORBIDDEN, message));
    }
    let stream = is_streamed(uri)?;
    let body = &request.body;
    let contents = body["contents"]
        .as_array()
        .filter(|contents| !contents.is_empty())
        .ok_or_else(|| Failure::invalid("* GenerateContentRequest.contents: contents is not specified"))?;
    check_turns(contents)?;
    let config = &body["generationConfig"];
    let stops = config["stopSequences"].as_array().map_or(0, Vec::len);
    if stops > STOP_SEQUENCES {
        return Err(Failure::invalid(format!(
            "* GenerateContentRequest.generation_config.stop_sequences: at most {STOP_SEQUENCES} are allowed, not {stops}"
        )));
    }
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
        max_tokens: limit(&config["maxOutputTokens"]),
        stream,
        stream_usage: true,
        tools: tools(body)?,
        format: format(config)?,
        logprobs: (config["responseLogprobs"] == true).then(|| limit(&config["logprobs"]).unwrap_or(0)),
    })
}

fn is_streamed(uri: &Uri) -> Result<bool, Failure> {
    match (model_and_method(uri).1, parameter(uri, "alt")) {
        ("generateContent", _) => Ok(false),
        ("streamGenerateContent", Some("sse")) => Ok(true),
        ("streamGenerateContent", _) => Err(Failure::invalid(
            "the stand-in provider streams with alt=sse only",
        )),
        (other, _) => Err(Failure::new(
            StatusCode::NOT_FOUND,
            format!("no such method: {other}"),
        )),
    }
}

fn parameter<'u>(uri: &'u Uri, name: &str) -> Option<&'u str> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .into_iter()
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value)
}

/// A turn with calls is followed by one with as many answers to them.
fn check_turns(contents: &[Value]) -> Result<(), Failure> {
    let count = |content: &Value, kind: &str| {
        let parts = content["parts"].as_array().map_or(&[][..], Vec::as_slice);
        parts.iter().filter(|part| part[kind].is_object()).count()
    };
    for (content, index) in contents.iter().zip(0..) {
        if !matches!(
            content["role"].as_str(),
            None | Some("user" | "model" | "function")
        ) {
            return Err(Failure::invalid("Please use a valid role: user, model."));
        }
        if content["parts"].as_array().is_none_or(Vec::is_empty) {
            return Err(Failure::invalid(format!(
                "* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty."
            )));
        }
    }
    for pair in contents.windows(2) {
        if count(&pair[0], "functionCall") != count(&pair[1], "functionResponse") {
            return Err(Failure::invalid(
                "Please ensure that the number of function response parts is equal to the number of function call \
                 parts of the function call turn.",
            ));
        }
    }
    Ok(())
}

fn tools(body: &Value) -> Result<Vec<String>, Failure> {
    let tools = body["tools"].as_array().map_or(&[][..], Vec::as_slice);
    let declarations = tools
        .iter()
        .filter_map(|tool| tool["functionDeclarations"].as_array())
        .flatten();
    let names = declarations.enumerate().map(|(index, declaration)| {
        declaration["name"].as_str().map(str::to_owned).ok_or_else(|| {
            Failure::invalid(format!(
                "* GenerateContentRequest.tools[0].function_declarations[{index}].name: [FIELD_INVALID]"
            ))
        })
    });
    let names = names.collect::<Result<Vec<_>, _>>()?;
    Ok(if body["toolConfig"]["functionCallingConfig"]["mode"] == "NONE" {
        Vec::new()
    } else {
        names
    })
}

fn format(config: &Value) -> Result<Format, Failure> {
    let schema = [&config["responseJsonSchema"], &config["responseSchema"]];
    let schema = schema.into_iter().find(|schema| schema.is_object());
    match (config["responseMimeType"].as_str(), schema) {
        (Some("application/json"), Some(schema)) => Ok(Format::Schema(schema.clone())),
        (Some("application/json"), None) => Ok(Format::Json),
        (_, Some(_)) => Err(Failure::invalid(
            "* GenerateContentRequest.generation_config.response_mime_type: a response schema needs application/json",
        )),
        _ => Ok(Format::Text),
    }
}
