//! From what a model is asked to Anthropic's words.

use serde::Serialize;
use serde_json::Value;

use super::messages::{self, Block, Turn};
use crate::llm::{Error, Format, Request, Tool, ToolChoice};

/// The bound of an answer where the request has none: Anthropic insists on one, and all models that it still serves
/// can write as much.
const DEFAULT_MAX_TOKENS: u32 = 16_384;

const NO_SEED: &str = "Anthropic's models cannot be made to repeat themselves";
const NO_PENALTY: &str = "Anthropic knows no penalties for words that came before";
const NO_LOGPROBS: &str = "Anthropic does not tell how likely its words were";
const TOO_RANDOM: &str = "Anthropic's temperature ends at 1";
const NO_FREE_JSON: &str = "Anthropic writes JSON by a schema only: give one, as `json_schema`";
const NO_EFFORT: &str = "Anthropic knows the efforts minimal, low, medium, high, xhigh and max";

/// The body of a request.
#[derive(Debug, Serialize)]
pub(super) struct Body<'r> {
    model: &'r str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'r>>,
    messages: Vec<Turn<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'r [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireToolChoice<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'r>>,
    stream: bool,
}

#[derive(Debug, Serialize)]
struct WireTool<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    input_schema: &'r Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Debug, Serialize)]
struct WireToolChoice<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Debug, Serialize)]
struct OutputConfig<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<OutputFormat<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "json_schema")]
struct OutputFormat<'r> {
    schema: &'r Value,
}

/// Writes the request down, or refuses what Anthropic does not have.
pub(super) fn encode(request: &Request) -> Result<Body<'_>, Error> {
    let unsupported = |parameter, why| Error::Unsupported {
        provider: request.model.provider().to_owned(),
        parameter,
        why,
    };
    let sampling = request.sampling;
    let asks = |value: Option<f32>| value.is_some_and(|value| value != 0.0);
    let refused = [
        (sampling.seed.is_some(), "seed", NO_SEED),
        (asks(sampling.frequency_penalty), "frequency_penalty", NO_PENALTY),
        (asks(sampling.presence_penalty), "presence_penalty", NO_PENALTY),
        (request.top_logprobs.is_some(), "logprobs", NO_LOGPROBS),
        (
            sampling.temperature.is_some_and(|temperature| temperature > 1.0),
            "temperature",
            TOO_RANDOM,
        ),
        (request.format == Format::Json, "response_format", NO_FREE_JSON),
    ];
    if let Some((_, parameter, why)) = refused.into_iter().find(|(asked, ..)| *asked) {
        return Err(unsupported(parameter, why));
    }
    let effort = match request.reasoning_effort.as_deref() {
        None => None,
        Some(effort) => Some(self::effort(effort).ok_or_else(|| unsupported("reasoning_effort", NO_EFFORT))?),
    };
    let format = match &request.format {
        Format::Schema { schema, .. } => Some(OutputFormat { schema }),
        Format::Text | Format::Json => None,
    };
    let (system, messages) = messages::encode(&request.messages)
        .map_err(|messages::Unsupported { parameter, why }| unsupported(parameter, why))?;
    Ok(Body {
        model: request.model.name(),
        max_tokens: request.max_output_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
        system,
        messages,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        stop_sequences: &request.stop,
        tools: request.tools.list.iter().map(tool).collect(),
        tool_choice: tool_choice(request),
        output_config: (format.is_some() || effort.is_some()).then_some(OutputConfig { format, effort }),
        stream: true,
    })
}

/// Anthropic's least effort stands for OpenAI's two least.
fn effort(effort: &str) -> Option<&'static str> {
    let known = ["low", "medium", "high", "xhigh", "max"];
    let name = if effort == "minimal" { "low" } else { effort };
    known.into_iter().find(|known| *known == name)
}

fn tool(tool: &Tool) -> WireTool<'_> {
    WireTool {
        name: &tool.name,
        description: tool.description.as_deref(),
        input_schema: tool.parameters.as_ref().unwrap_or_else(|| no_arguments()),
        strict: tool.strict.filter(|strict| *strict),
    }
}

/// The schema of a tool that takes nothing.
fn no_arguments() -> &'static Value {
    use std::sync::LazyLock;

    static SCHEMA: LazyLock<Value> =
        LazyLock::new(|| serde_json::json!({ "type": "object", "properties": {} }));
    &SCHEMA
}

/// That only one tool is to be called at once is part of the choice, to Anthropic.
fn tool_choice(request: &Request) -> Option<WireToolChoice<'_>> {
    let tools = &request.tools;
    if tools.list.is_empty() {
        return None;
    }
    let one_at_a_time = (tools.parallel == Some(false)).then_some(true);
    let choice = |kind, name| {
        Some(WireToolChoice {
            kind,
            name,
            disable_parallel_tool_use: one_at_a_time,
        })
    };
    match &tools.choice {
        None if one_at_a_time.is_none() => None,
        None | Some(ToolChoice::Auto) => choice("auto", None),
        Some(ToolChoice::Required) => choice("any", None),
        Some(ToolChoice::Named(name)) => choice("tool", Some(name)),
        Some(ToolChoice::None) => Some(WireToolChoice {
            kind: "none",
            name: None,
            disable_parallel_tool_use: None,
        }),
    }
}

#[cfg(test)]
mod tests;
