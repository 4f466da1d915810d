//! What goes over the wire, as OpenAI's clients expect it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    domain::Usage,
    http::body::optional_object,
    llm::{FinishReason, Role},
};

/// A request for a chat completion. What this service does not do is refused by name, never ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatRequest {
    /// `ultra` for the panel, or the name of a model.
    #[schema(example = "ultra")]
    pub(super) model: String,
    /// The conversation, oldest message first.
    pub(super) messages: Vec<ChatMessage>,
    /// Whether to stream the answer.
    pub(super) stream: Option<bool>,
    /// What the stream is to hold.
    #[serde(default, deserialize_with = "optional_object")]
    pub(super) stream_options: Option<StreamOptions>,
    /// Randomness, from 0 to 2.
    pub(super) temperature: Option<f32>,
    /// How much of the probability is considered, from 0 to 1.
    pub(super) top_p: Option<f32>,
    /// The longest answer in tokens; the older name.
    pub(super) max_tokens: Option<u32>,
    /// The longest answer in tokens.
    pub(super) max_completion_tokens: Option<u32>,
    /// The same seed gives the same answer, as far as the model can.
    pub(super) seed: Option<i64>,
    /// Where the answer ends.
    pub(super) stop: Option<Stop>,
    /// The caller's own name for its user; taken, and not used.
    #[serde(rename = "user")]
    pub(super) _user: Option<String>,
    /// The caller's own notes; taken, and not used.
    #[serde(rename = "metadata")]
    pub(super) _metadata: Option<Map<String, Value>>,
    /// Whether OpenAI would keep the completion; taken, and not used.
    #[serde(rename = "store")]
    pub(super) _store: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) rest: Map<String, Value>,
}

/// One message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatMessage {
    /// `system`, `developer`, `user` or `assistant`.
    #[schema(example = "user")]
    pub(super) role: String,
    /// The text, or its parts.
    pub(super) content: Option<Content>,
    /// Everything else.
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) rest: Map<String, Value>,
}

/// A message's text, or its parts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Content {
    /// The text.
    Text(String),
    /// Parts, of which only text is taken.
    Parts(Vec<Part>),
}

/// A part of a message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Part {
    /// `text`.
    pub(super) r#type: String,
    /// The text.
    pub(super) text: Option<String>,
    /// Everything else; taken, and not used. With it a part is an object and no list.
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) _rest: Map<String, Value>,
}

/// Where an answer ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Stop {
    /// At this text.
    One(String),
    /// At the first of these.
    Many(Vec<String>),
}

/// What a stream is to hold.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamOptions {
    /// Whether the last chunk tells the tokens.
    #[serde(default)]
    pub(super) include_usage: bool,
    /// Padding against traffic analysis; taken, and not used.
    #[serde(default, rename = "include_obfuscation")]
    pub(super) _include_obfuscation: bool,
}

/// A whole answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatCompletion {
    pub(super) id: String,
    #[schema(example = "chat.completion")]
    pub(super) object: &'static str,
    pub(super) created: i64,
    pub(super) model: String,
    pub(super) choices: Vec<Choice>,
    pub(super) usage: TokenUsage,
}

/// The one choice of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Choice {
    pub(super) index: u32,
    pub(super) message: AssistantMessage,
    pub(super) logprobs: Option<()>,
    pub(super) finish_reason: FinishReason,
}

/// What was answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssistantMessage {
    pub(super) role: Role,
    pub(super) content: String,
    pub(super) refusal: Option<String>,
}

/// A piece of a streamed answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatCompletionChunk {
    pub(super) id: String,
    #[schema(example = "chat.completion.chunk")]
    pub(super) object: &'static str,
    pub(super) created: i64,
    pub(super) model: String,
    pub(super) choices: Vec<ChunkChoice>,
    /// Absent unless asked for; then null in all chunks but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TokenUsage>)]
    pub(super) usage: Option<Option<TokenUsage>>,
}

/// The one choice of a chunk.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChunkChoice {
    pub(super) index: u32,
    pub(super) delta: ChunkDelta,
    pub(super) finish_reason: Option<FinishReason>,
}

/// What a chunk adds.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ChunkDelta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
}

/// Tokens, under OpenAI's names.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct TokenUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl From<Usage> for TokenUsage {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.total(),
        }
    }
}

/// All models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    #[schema(example = "list")]
    pub(super) object: &'static str,
    pub(super) data: Vec<Model>,
}

/// One model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Model {
    #[schema(example = "ultra")]
    pub(super) id: String,
    #[schema(example = "model")]
    pub(super) object: &'static str,
    pub(super) created: i64,
    pub(super) owned_by: String,
}

/// An error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorObject,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorObject {
    message: String,
    #[schema(example = "invalid_request_error")]
    r#type: String,
    param: Option<String>,
    #[schema(example = "model_not_found")]
    code: Option<String>,
}
