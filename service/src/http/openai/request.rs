//! From a request on the wire to one that can be answered: everything that is unsupported is refused by name.

use serde_json::{Map, Value, json};

use super::{
    conversation,
    wire::{ChatRequest, Function, JsonSchema, ResponseFormat, Stop, Tool, ToolChoice, ToolChoiceWord},
};
use crate::{
    domain::ModelId,
    http::Problem,
    llm::{self, Format, Message, Request, Sampling, Tools},
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
    tools: Tools,
    format: Format,
    top_logprobs: Option<u8>,
    reasoning_effort: Option<String>,
}

impl Chat {
    /// The same as a model is asked it.
    pub(super) fn into_request(self, model: ModelId) -> Request {
        Request {
            model,
            messages: self.messages,
            max_output_tokens: self.max_tokens,
            sampling: self.sampling,
            stop: self.stop,
            tools: self.tools,
            format: self.format,
            top_logprobs: self.top_logprobs,
            reasoning_effort: self.reasoning_effort,
        }
    }

    /// Refuses what only a single model can do.
    pub(super) fn refuse_for_panel(&self) -> Result<(), Problem> {
        let asked = [
            ("tools", !self.tools.list.is_empty()),
            (
                "tool_choice",
                matches!(
                    self.tools.choice,
                    Some(llm::ToolChoice::Required | llm::ToolChoice::Named(_))
                ),
            ),
            ("response_format", self.format != Format::Text),
            ("logprobs", self.top_logprobs.is_some()),
            ("reasoning_effort", self.reasoning_effort.is_some()),
            (
                "frequency_penalty",
                self.sampling
                    .frequency_penalty
                    .is_some_and(|penalty| penalty != 0.0),
            ),
            (
                "presence_penalty",
                self.sampling
                    .presence_penalty
                    .is_some_and(|penalty| penalty != 0.0),
            ),
        ];
        match asked.iter().find(|(_, asked)| *asked) {
            Some((name, _)) => Err(unsupported("", name)),
            None => Ok(()),
        }
    }
}

impl TryFrom<ChatRequest> for Chat {
    type Error = Problem;

    fn try_from(request: ChatRequest) -> Result<Self, Problem> {
        refuse_unsupported("", &request.rest, &PARAMETERS)?;
        let messages = conversation::read(request.messages)?;
        in_range("/temperature", request.temperature, 0.0, 2.0)?;
        in_range("/top_p", request.top_p, 0.0, 1.0)?;
        in_range("/frequency_penalty", request.frequency_penalty, -2.0, 2.0)?;
        in_range("/presence_penalty", request.presence_penalty, -2.0, 2.0)?;
        let max_tokens = request.max_completion_tokens.or(request.max_tokens);
        if max_tokens == Some(0) {
            return Err(invalid("/max_completion_tokens", "must be at least 1"));
        }
        let stream = request.stream.unwrap_or(false);
        if request.stream_options.is_some() && !stream {
            return Err(invalid("/stream_options", "is allowed only where stream is true"));
        }
        if request.n.is_some_and(|answers| answers != 1) {
            return Err(unsupported("", "n"));
        }
        let tools = Tools {
            list: request.tools.unwrap_or_default().into_iter().map(tool).collect(),
            choice: request.tool_choice.map(tool_choice),
            parallel: request.parallel_tool_calls,
        };
        let needs_tools = matches!(
            tools.choice,
            Some(llm::ToolChoice::Required | llm::ToolChoice::Named(_))
        );
        if needs_tools && tools.list.is_empty() {
            return Err(invalid("/tool_choice", "is allowed only where there are tools"));
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
                frequency_penalty: request.frequency_penalty,
                presence_penalty: request.presence_penalty,
            },
            stop: stops(request.stop)?,
            tools,
            format: format(request.response_format)?,
            top_logprobs: top_logprobs(request.logprobs, request.top_logprobs)?,
            reasoning_effort: request.reasoning_effort,
        })
    }
}

fn tool(tool: Tool) -> llm::Tool {
    let Function {
        name,
        description,
        parameters,
        strict,
    } = tool.function;
    llm::Tool {
        name,
        description,
        parameters: parameters.map(Value::Object),
        strict,
    }
}

fn tool_choice(choice: ToolChoice) -> llm::ToolChoice {
    match choice {
        ToolChoice::Word(ToolChoiceWord::None) => llm::ToolChoice::None,
        ToolChoice::Word(ToolChoiceWord::Auto) => llm::ToolChoice::Auto,
        ToolChoice::Word(ToolChoiceWord::Required) => llm::ToolChoice::Required,
        ToolChoice::Named(named) => llm::ToolChoice::Named(named.function.name),
    }
}

fn format(format: Option<ResponseFormat>) -> Result<Format, Problem> {
    Ok(match format {
        None | Some(ResponseFormat::Text) => Format::Text,
        Some(ResponseFormat::JsonObject) => Format::Json,
        Some(ResponseFormat::JsonSchema { json_schema }) => {
            let JsonSchema {
                name,
                description,
                schema,
                strict,
            } = json_schema;
            let missing = || invalid("/response_format/json_schema/schema", "is missing");
            Format::Schema {
                name,
                description,
                schema: Value::Object(schema.ok_or_else(missing)?),
                strict,
            }
        }
    })
}

fn top_logprobs(wanted: Option<bool>, alternatives: Option<u8>) -> Result<Option<u8>, Problem> {
    match (wanted.unwrap_or(false), alternatives) {
        (true, Some(21..)) => Err(invalid("/top_logprobs", "must be from 0 to 20")),
        (true, alternatives) => Ok(Some(alternatives.unwrap_or(0))),
        (false, None | Some(0)) => Ok(None),
        (false, Some(_)) => Err(invalid("/top_logprobs", "is allowed only where logprobs is true")),
    }
}

/// What OpenAI takes and this service does not do.
const PARAMETERS: [&str; 14] = [
    "audio",
    "function_call",
    "functions",
    "logit_bias",
    "modalities",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "thinking",
    "top_k",
    "verbosity",
    "web_search_options",
];

/// Whether a value asks for nothing that would not happen anyway.
fn asks_for_nothing(name: &str, value: &Value) -> bool {
    match (name, value) {
        (_, Value::Null) => true,
        (_, Value::Array(list)) if list.is_empty() => true,
        (_, Value::Object(object)) if object.is_empty() => true,
        ("modalities", modalities) => *modalities == json!(["text"]),
        ("service_tier", tier) => tier == "auto" || tier == "default",
        _ => false,
    }
}

/// Refuses every field that asks for something which would not happen.
pub(super) fn refuse_unsupported(at: &str, rest: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    let asked = rest.iter().find(|(name, value)| !asks_for_nothing(name, value));
    let Some((name, _)) = asked else { return Ok(()) };
    if known.contains(&name.as_str()) {
        return Err(unsupported(at, name));
    }
    let detail = format!("There is no parameter `{name}`.");
    Err(Problem::bad_request("unknown-parameter", detail.clone()).at(&format!("{at}/{name}"), detail))
}

fn unsupported(at: &str, name: &str) -> Problem {
    let detail = format!("The parameter `{name}` is not supported with this value.");
    Problem::bad_request("unsupported-parameter", detail.clone()).at(&format!("{at}/{name}"), detail)
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

fn in_range(pointer: &str, value: Option<f32>, least: f32, most: f32) -> Result<(), Problem> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(invalid(pointer, &format!("must be from {least} to {most}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn invalid(pointer: &str, problem: &str) -> Problem {
    let name = pointer.trim_start_matches('/').replace('/', ".");
    let detail = format!("`{name}` {problem}.");
    Problem::bad_request("invalid-value", detail.clone()).at(pointer, detail)
}
