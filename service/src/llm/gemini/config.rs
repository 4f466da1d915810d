//! How an answer is to be made, in Gemini's words.

use serde::Serialize;
use serde_json::Value;

use super::request::{Generation, Unsupported};
use crate::llm::{Format, Message, Part, Request};

/// As many texts can end an answer.
const MAX_STOPS: usize = 5;

const TOO_MANY_STOPS: &str = "Gemini takes 5 texts at most";
const SMALL_SEED: &str = "Gemini's seeds have 32 bits";
const NO_EFFORT: &str =
    "Gemini knows the efforts minimal, low, medium and high, and before Gemini 3 also none";
const MIXED_DETAIL: &str = "Gemini looks at all images of a request equally closely";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'r Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_resolution: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

/// How much a model thinks before it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Thinking {
    /// In tokens.
    ThinkingBudget(u32),
    ThinkingLevel(&'static str),
}

pub(super) fn encode(request: &Request, generation: Generation) -> Result<GenerationConfig<'_>, Unsupported> {
    let unsupported = |parameter, why| Unsupported { parameter, why };
    if request.stop.len() > MAX_STOPS {
        return Err(unsupported("stop", TOO_MANY_STOPS));
    }
    let seed = request.sampling.seed.map(i32::try_from).transpose();
    let schema = match &request.format {
        Format::Schema { schema, .. } => Some(schema),
        Format::Text | Format::Json => None,
    };
    let thinking = request.reasoning_effort.as_deref();
    let thinking = thinking.map(|effort| self::thinking(effort, generation));
    Ok(GenerationConfig {
        max_output_tokens: request.max_output_tokens,
        temperature: request.sampling.temperature,
        top_p: request.sampling.top_p,
        seed: seed.map_err(|_| unsupported("seed", SMALL_SEED))?,
        presence_penalty: request.sampling.presence_penalty,
        frequency_penalty: request.sampling.frequency_penalty,
        stop_sequences: &request.stop,
        response_mime_type: (request.format != Format::Text).then_some("application/json"),
        response_json_schema: schema,
        response_logprobs: request.top_logprobs.map(|_| true),
        logprobs: request.top_logprobs.filter(|count| *count > 0),
        media_resolution: resolution(&request.messages)?,
        thinking_config: thinking
            .map(|thinking| thinking.ok_or_else(|| unsupported("reasoning_effort", NO_EFFORT)))
            .transpose()?,
    })
}

/// The budgets are those that Google itself gives to OpenAI's efforts.
fn thinking(effort: &str, generation: Generation) -> Option<Thinking> {
    let levels = ["minimal", "low", "medium", "high"];
    match (generation, effort) {
        (Generation::Levels, effort) => {
            let level = levels.into_iter().find(|level| *level == effort)?;
            Some(Thinking::ThinkingLevel(level))
        }
        (Generation::Budgets, "none") => Some(Thinking::ThinkingBudget(0)),
        (Generation::Budgets, "minimal" | "low") => Some(Thinking::ThinkingBudget(1_024)),
        (Generation::Budgets, "medium") => Some(Thinking::ThinkingBudget(8_192)),
        (Generation::Budgets, "high") => Some(Thinking::ThinkingBudget(24_576)),
        (Generation::Budgets, _) => None,
    }
}

/// How closely images are looked at is asked for by image at OpenAI, and for all of them at Gemini.
fn resolution(messages: &[Message]) -> Result<Option<&'static str>, Unsupported> {
    let parts = messages.iter().filter_map(|message| match message {
        Message::User(parts) => Some(parts),
        _ => None,
    });
    let images = parts.flatten().filter_map(|part| match part {
        Part::Image(image) => Some(image),
        Part::Text(_) => None,
    });
    let mut details = images.map(|image| image.detail.as_deref().filter(|detail| *detail != "auto"));
    let first = details.next().flatten();
    if details.any(|detail| detail != first) {
        return Err(Unsupported {
            parameter: "detail",
            why: MIXED_DETAIL,
        });
    }
    Ok(match first {
        Some("low") => Some("MEDIA_RESOLUTION_LOW"),
        Some("high") => Some("MEDIA_RESOLUTION_HIGH"),
        _ => None,
    })
}
