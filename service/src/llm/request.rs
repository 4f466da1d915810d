use serde::Serialize;
use serde_json::Value;

use super::{Message, input_bound};
use crate::domain::ModelId;

/// What a model is asked. What its provider does not have is refused by name, never left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which model.
    pub model: ModelId,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The longest answer in tokens; none: as long as the provider lets it be.
    pub max_output_tokens: Option<u32>,
    /// How the words are chosen.
    pub sampling: Sampling,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
    /// What the model may call.
    pub tools: Tools,
    /// The shape of the answer.
    pub format: Format,
    /// How many alternatives of each token are wanted with their probabilities; none: no probabilities at all.
    pub top_logprobs: Option<u8>,
    /// How much the model is to think first, in OpenAI's words: `minimal`, `low`, `medium`, `high`.
    pub reasoning_effort: Option<String>,
}

/// How a model chooses its words, where its provider lets it be set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Sampling {
    /// Randomness.
    pub temperature: Option<f32>,
    /// How much of the probability is considered.
    pub top_p: Option<f32>,
    /// The same seed gives the same answer, as far as the provider can.
    pub seed: Option<i64>,
    /// How much words are avoided by how often they came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f32>,
    /// How much words are avoided that came at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f32>,
}

/// What a model may call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tools {
    /// The tools.
    pub list: Vec<Tool>,
    /// Whether one must be called.
    pub choice: Option<ToolChoice>,
    /// Whether several may be called at once.
    pub parallel: Option<bool>,
}

/// A function that the caller has, and a model may want called.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its arguments, as a JSON schema.
    pub parameters: Option<Value>,
    /// Whether the arguments are to fit the schema exactly.
    pub strict: Option<bool>,
}

/// Whether a tool is to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// The shape of an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Format {
    /// Words.
    #[default]
    Text,
    /// Any JSON.
    Json,
    /// JSON that fits this schema.
    Schema {
        /// The schema's name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Value,
        /// Whether the answer is to fit it exactly.
        strict: Option<bool>,
    },
}

impl Request {
    /// A conversation with nothing special about it.
    pub fn new(model: ModelId, messages: Vec<Message>) -> Self {
        Self {
            model,
            messages,
            max_output_tokens: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            tools: Tools::default(),
            format: Format::Text,
            top_logprobs: None,
            reasoning_effort: None,
        }
    }

    /// Its bytes, as far as tokens are made of them.
    pub(crate) fn bytes(&self) -> usize {
        self.messages.iter().map(Message::bytes).sum()
    }

    /// The most tokens that the model reads, in whichever vocabulary.
    pub fn input_bound(&self) -> u64 {
        let schema = match &self.format {
            Format::Schema { schema, .. } => schema.to_string().len() as u64,
            Format::Text | Format::Json => 0,
        };
        let tools = self.tools.list.iter().map(Tool::bound).sum::<u64>();
        input_bound(&self.messages) + tools + schema
    }
}

/// What a provider adds to each tool, at most, to tell the model of it.
const MARKS_OF_A_TOOL: u64 = 32;

impl Tool {
    fn bound(&self) -> u64 {
        let parameters = self
            .parameters
            .as_ref()
            .map_or(0, |schema| schema.to_string().len());
        let description = self.description.as_ref().map_or(0, String::len);
        (self.name.len() + description + parameters) as u64 + MARKS_OF_A_TOOL
    }
}
