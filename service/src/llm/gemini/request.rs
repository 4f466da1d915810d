//! From what a model is asked to Gemini's words.

use serde::Serialize;
use serde_json::Value;

use super::{
    config::{self, GenerationConfig},
    contents::{self, Content},
};
use crate::llm::{Error, Request, Tool, ToolChoice};

const ALL_AT_ONCE: &str = "Gemini cannot be told to call only one tool at a time";

/// The body of a request. The model, and whether the answer is streamed, stand in the address.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'r>>,
    contents: Vec<Content<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Declarations<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'r>>,
    generation_config: GenerationConfig<'r>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Declarations<'r> {
    function_declarations: Vec<Declaration<'r>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'r Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'r> {
    function_calling_config: Calling<'r>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'r> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'r str; 1]>,
}

/// What a request asks for and Gemini does not have.
#[derive(Debug)]
pub(super) struct Unsupported {
    pub(super) parameter: &'static str,
    pub(super) why: &'static str,
}

/// Writes the request down, or refuses what Gemini does not have.
pub(super) fn encode(request: &Request) -> Result<Body<'_>, Error> {
    body(request).map_err(|Unsupported { parameter, why }| Error::Unsupported {
        provider: request.model.provider().to_owned(),
        parameter,
        why,
    })
}

fn body(request: &Request) -> Result<Body<'_>, Unsupported> {
    if !request.tools.list.is_empty() && request.tools.parallel == Some(false) {
        return Err(Unsupported {
            parameter: "parallel_tool_calls",
            why: ALL_AT_ONCE,
        });
    }
    let generation = Generation::of(request.model.name());
    let (system_instruction, contents) = contents::encode(&request.messages, generation)?;
    let declarations: Vec<_> = request.tools.list.iter().map(declaration).collect();
    let tools = (!declarations.is_empty()).then_some(Declarations {
        function_declarations: declarations,
    });
    Ok(Body {
        system_instruction,
        contents,
        tools: tools.into_iter().collect(),
        tool_config: tool_config(request),
        generation_config: config::encode(request, generation)?,
    })
}

/// Which generation of models answers: they are told differently how much to think, and newer ones insist on signed
/// calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// Before Gemini 3.
    Budgets,
    /// From Gemini 3 on, and whatever has another name.
    Levels,
}

impl Generation {
    fn of(model: &str) -> Self {
        if ["gemini-1", "gemini-2"].iter().any(|old| model.starts_with(old)) {
            Self::Budgets
        } else {
            Self::Levels
        }
    }
}

fn declaration(tool: &Tool) -> Declaration<'_> {
    Declaration {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters_json_schema: tool.parameters.as_ref(),
    }
}

/// That arguments fit their schema exactly is asked for by tool at OpenAI, and for all of them at Gemini.
fn tool_config(request: &Request) -> Option<ToolConfig<'_>> {
    let tools = &request.tools;
    if tools.list.is_empty() {
        return None;
    }
    let strict = tools.list.iter().any(|tool| tool.strict == Some(true));
    let (mode, allowed_function_names) = match &tools.choice {
        None | Some(ToolChoice::Auto) if strict => ("VALIDATED", None),
        None => return None,
        Some(ToolChoice::Auto) => ("AUTO", None),
        Some(ToolChoice::None) => ("NONE", None),
        Some(ToolChoice::Required) => ("ANY", None),
        Some(ToolChoice::Named(name)) => ("ANY", Some([name.as_str()])),
    };
    Some(ToolConfig {
        function_calling_config: Calling {
            mode,
            allowed_function_names,
        },
    })
}

#[cfg(test)]
mod tests;
