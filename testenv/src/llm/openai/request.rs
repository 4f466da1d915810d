//! What OpenAI reads, and what it refuses.

use serde_json::Value;

use super::super::{
    Request,
    wire::{Failure, Format, Prompt, limit, text},
};

pub(super) fn read(request: &Request) -> Result<Prompt, Failure> {
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
        .ok_or_else(|| missing("messages"))?;
    check_results(messages)?;
    let last_user = messages
        .iter()
        .rfind(|message| message["role"] == "user" || message["role"] == "tool");
    let texts: Vec<_> = messages.iter().map(|message| text(&message["content"])).collect();
    Ok(Prompt {
        model: request.model.clone(),
        last_user_message: last_user
            .map(|message| text(&message["content"]))
            .unwrap_or_default(),
        max_tokens: limit(&body["max_completion_tokens"]).or_else(|| limit(&body["max_tokens"])),
        stream: body["stream"] == true,
        stream_usage: body["stream_options"]["include_usage"] == true,
        tools: tools(body)?,
        format: format(&body["response_format"], &texts)?,
        logprobs: (body["logprobs"] == true).then(|| limit(&body["top_logprobs"]).unwrap_or(0)),
        texts,
    })
}

fn missing(parameter: &str) -> Failure {
    Failure::invalid(format!("Missing required parameter: '{parameter}'."))
}

/// What a tool gave must answer a call of the turn before it.
fn check_results(messages: &[Value]) -> Result<(), Failure> {
    let mut called: &[Value] = &[];
    for (index, message) in messages.iter().enumerate() {
        if message["role"] != "tool" {
            called = message["tool_calls"].as_array().map_or(&[], Vec::as_slice);
        } else if !called.iter().any(|call| call["id"] == message["tool_call_id"]) {
            return Err(Failure::invalid(format!(
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
                 'tool_calls'. (messages.[{index}].role)"
            )));
        }
    }
    Ok(())
}

fn tools(body: &Value) -> Result<Vec<String>, Failure> {
    let Some(tools) = body["tools"].as_array() else {
        return match &body["tool_choice"] {
            Value::Null => Ok(Vec::new()),
            _ => Err(Failure::invalid(
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            )),
        };
    };
    let name = |(index, tool): (usize, &Value)| match (&tool["type"], tool["function"]["name"].as_str()) {
        (Value::Null, _) => Err(missing(&format!("tools[{index}].type"))),
        (_, Some(name)) => Ok(name.to_owned()),
        _ => Err(missing(&format!("tools[{index}].function.name"))),
    };
    let names = tools
        .iter()
        .enumerate()
        .map(name)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(if body["tool_choice"] == "none" {
        Vec::new()
    } else {
        names
    })
}

fn format(format: &Value, texts: &[String]) -> Result<Format, Failure> {
    match format["type"].as_str() {
        Some("json_object") if !texts.iter().any(|text| text.to_lowercase().contains("json")) => {
            Err(Failure::invalid(
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
                 'json_object'.",
            ))
        }
        Some("json_object") => Ok(Format::Json),
        Some("json_schema") => {
            let schema = &format["json_schema"];
            if schema["name"].is_string() {
                Ok(Format::Schema(schema["schema"].clone()))
            } else {
                Err(missing("response_format.json_schema.name"))
            }
        }
        _ => Ok(Format::Text),
    }
}
