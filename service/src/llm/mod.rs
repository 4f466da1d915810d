//! Language models: the port that the panel and the pass-through call, and its adapters, one file each.

mod catalog;
pub mod mock;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use catalog::{Catalog, ModelInfo};

use crate::domain::{ModelId, Usage};

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions.
    System,
    /// The person who asks.
    User,
    /// A model's earlier answer.
    Assistant,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        })
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// What a provider adds to each message, at most, to mark who says it.
const MARKS_OF_A_MESSAGE: u64 = 16;

/// The most tokens that a conversation can have, in whichever vocabulary: no token is shorter than a byte.
pub fn input_bound(messages: &[Message]) -> u64 {
    let bound = |message: &Message| message.content.len() as u64 + MARKS_OF_A_MESSAGE;
    messages.iter().map(bound).sum()
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which model.
    pub model: ModelId,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The longest answer in tokens.
    pub max_output_tokens: u32,
    /// How the words are chosen.
    pub sampling: Sampling,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
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
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// It was complete, or met a stop text.
    Stop,
    /// It met the bound of its length.
    Length,
}

/// A part of a streamed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// The next piece of text.
    Text(String),
    /// The end; nothing follows.
    End {
        /// Why the answer ended.
        finish: FinishReason,
        /// What it took.
        usage: Usage,
    },
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// Why it ended.
    pub finish: FinishReason,
    /// What it took.
    pub usage: Usage,
}

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No provider has this model.
    #[error("no provider has the model {0}")]
    UnknownModel(ModelId),
    /// The provider cannot be reached, or says that it cannot serve.
    #[error("the provider is unavailable: {0}")]
    Unavailable(String),
    /// The stream ended without an end, or with nothing in it.
    #[error("the provider's answer is incomplete")]
    Incomplete,
}

/// An answer as it comes in. Dropping it cancels the call.
pub type Deltas = BoxStream<'static, Result<Delta, Error>>;

/// A provider of models. Every answer is a stream, because the first word is what a person waits for; [`complete`]
/// collects one.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The models that it has.
    fn models(&self) -> Vec<ModelInfo>;

    /// Asks a model.
    async fn stream(&self, request: Request) -> Result<Deltas, Error>;
}

/// Asks a model and waits for its whole answer.
pub async fn complete(provider: &Arc<dyn Provider>, request: Request) -> Result<Completion, Error> {
    use futures::StreamExt as _;

    let mut deltas = provider.stream(request).await?;
    let mut text = String::new();
    while let Some(delta) = deltas.next().await {
        match delta? {
            Delta::Text(part) => text.push_str(&part),
            Delta::End { finish, usage } => return Ok(Completion { text, finish, usage }),
        }
    }
    Err(Error::Incomplete)
}
