//! What goes over the wire, as OpenAI's clients expect it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    domain::Usage,
    http::body::optional_object,
    llm::{self, FinishReason, Role},
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
    /// How much words are avoided by how often they came, from -2 to 2.
    pub(super) frequency_penalty: Option<f32>,
    /// How much words are avoided that came at all, from -2 to 2.
    pub(super) presence_penalty: Option<f32>,
    /// What the model may call.
    pub(super) tools: Option<Vec<Tool>>,
    /// Whether a tool is to be called: `none`, `auto`, `required`, or a certain one.
    pub(super) tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    pub(super) parallel_tool_calls: Option<bool>,
    /// The shape of the answer.
    pub(super) response_format: Option<ResponseFormat>,
    /// Whether the probabilities of the answer's tokens are wanted.
    pub(super) logprobs: Option<bool>,
    /// How many alternatives of each token are wanted with them, from 0 to 20.
    pub(super) top_logprobs: Option<u8>,
    /// How much the model is to think first.
    #[schema(example = "low")]
    pub(super) reasoning_effort: Option<String>,
    /// How many answers there are to be. More than one only where the provider is asked in these very words.
    pub(super) n: Option<u32>,
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
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    #[schema(example = "user")]
    pub(super) role: String,
    /// The text, or its parts.
    pub(super) content: Option<Content>,
    /// The tools that an assistant called.
    pub(super) tool_calls: Option<Vec<ToolCall>>,
    /// The call that a tool answers.
    pub(super) tool_call_id: Option<String>,
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
    /// Texts and pictures.
    Parts(Vec<Part>),
}

/// A part of a message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Part {
    /// `text` or `image_url`.
    #[schema(example = "text")]
    pub(super) r#type: String,
    /// The text.
    pub(super) text: Option<String>,
    /// The picture.
    pub(super) image_url: Option<ImageUrl>,
    /// Everything else; taken, and not used. With it a part is an object and no list.
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) _rest: Map<String, Value>,
}

/// A picture in a message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ImageUrl {
    /// Where it is, or all of it as a `data:` URL in base64.
    pub(super) url: String,
    /// `low`, `high` or `auto`.
    pub(super) detail: Option<String>,
}

/// A model's wish to have a tool called.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ToolCall {
    /// Names the call.
    pub(super) id: String,
    /// `function`.
    #[serde(rename = "type")]
    #[schema(example = "function")]
    pub(super) kind: FunctionKind,
    /// Which function, and with what.
    pub(super) function: CalledFunction,
}

/// A function with its arguments.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CalledFunction {
    /// Its name.
    pub(super) name: String,
    /// The arguments, as JSON in a text.
    pub(super) arguments: String,
}

/// The one kind of tool.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FunctionKind {
    /// A function of the caller's.
    Function,
}

/// What a model may call.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Tool {
    /// `function`.
    #[serde(rename = "type")]
    pub(super) _kind: FunctionKind,
    /// The function.
    pub(super) function: Function,
}

/// A function of the caller's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Function {
    /// Its name.
    pub(super) name: String,
    /// What it is for.
    pub(super) description: Option<String>,
    /// Its arguments, as a JSON schema.
    #[schema(value_type = Option<Object>)]
    pub(super) parameters: Option<Map<String, Value>>,
    /// Whether the arguments are to fit the schema exactly.
    pub(super) strict: Option<bool>,
}

/// Whether a tool is to be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ToolChoice {
    /// `none`, `auto` or `required`.
    Word(ToolChoiceWord),
    /// This one.
    Named(NamedTool),
}

/// Whether any tool is to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolChoiceWord {
    /// No.
    None,
    /// As the model thinks.
    Auto,
    /// At least one.
    Required,
}

/// A certain tool.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NamedTool {
    /// `function`.
    #[serde(rename = "type")]
    pub(super) _kind: FunctionKind,
    /// Which.
    pub(super) function: FunctionName,
}

/// The name of a function.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct FunctionName {
    /// The name.
    pub(super) name: String,
}

/// The shape of an answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ResponseFormat {
    /// Words.
    Text,
    /// Any JSON.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// The schema.
        json_schema: JsonSchema,
    },
}

/// A schema for an answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonSchema {
    /// Its name.
    pub(super) name: String,
    /// What it is for.
    pub(super) description: Option<String>,
    /// The schema itself.
    #[schema(value_type = Option<Object>)]
    pub(super) schema: Option<Map<String, Value>>,
    /// Whether the answer is to fit it exactly.
    pub(super) strict: Option<bool>,
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
    pub(super) logprobs: Option<Logprobs>,
    pub(super) finish_reason: FinishReason,
}

/// How probable the tokens of an answer were.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Logprobs {
    /// Token for token.
    #[schema(value_type = Vec<Object>)]
    pub(super) content: Vec<Value>,
}

/// What was answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssistantMessage {
    pub(super) role: Role,
    /// Null where the model only wants tools called.
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<ToolCall>,
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
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ChunkChoice {
    pub(super) index: u32,
    pub(super) delta: ChunkDelta,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<Logprobs>,
    pub(super) finish_reason: Option<FinishReason>,
}

/// What a chunk adds.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ChunkDelta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_calls: Option<[ToolCallChunk; 1]>,
}

/// What a chunk adds to a call of a tool.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToolCallChunk {
    pub(super) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<FunctionKind>,
    pub(super) function: FunctionChunk,
}

/// What a chunk adds to a called function.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FunctionChunk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) arguments: String,
}

impl From<llm::ToolCall> for ToolCall {
    fn from(call: llm::ToolCall) -> Self {
        let llm::ToolCall { id, name, arguments } = call;
        Self {
            id,
            kind: FunctionKind::Function,
            function: CalledFunction { name, arguments },
        }
    }
}

impl From<llm::ToolCallDelta> for ToolCallChunk {
    fn from(piece: llm::ToolCallDelta) -> Self {
        let llm::ToolCallDelta {
            index,
            id,
            name,
            arguments,
        } = piece;
        Self {
            index,
            kind: id.is_some().then_some(FunctionKind::Function),
            id,
            function: FunctionChunk { name, arguments },
        }
    }
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
