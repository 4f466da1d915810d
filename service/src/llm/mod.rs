//! Language models: the port that the panel and the pass-through call, and its adapters, one file each.

mod answer;
pub mod anthropic;
mod catalog;
mod error;
mod error_details;
mod events;
pub mod gemini;
mod message;
pub mod mock;
mod models;
pub mod openai;
mod request;
mod traffic;
pub mod upstream;

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use openai::PassThrough;

pub use answer::{Assembly, Completion, Delta, Deltas, FinishReason, ToolCallDelta};
pub use catalog::{Catalog, ModelInfo};
pub use error::{Error, Phase};
pub use message::{Image, ImageSource, Message, Part, Role, ToolCall, input_bound};
pub use models::Models;
pub use request::{Format, Request, Sampling, Tool, ToolChoice, Tools};
pub use traffic::{ModelHealth, ModelStatus, Traffic, Watch};

/// A provider of models. Every answer is a stream, because the first word is what a person waits for; [`complete`]
/// collects one.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The models that it has, as far as they are known.
    fn models(&self) -> Vec<ModelInfo>;

    /// The provider's name, where it takes every model of that name and not only those that are known.
    fn takes_all_of(&self) -> Option<&str> {
        None
    }

    /// The way for requests that are in OpenAI's words already, where they can go on as they are.
    fn pass_through(self: Arc<Self>) -> Option<Arc<dyn PassThrough>> {
        None
    }

    /// Asks a model.
    async fn stream(&self, request: Request) -> Result<Deltas, Error>;
}

/// Asks a model and waits for its whole answer.
pub async fn complete(provider: &Arc<dyn Provider>, request: Request) -> Result<Completion, Error> {
    let mut deltas = provider.stream(request).await?;
    let mut assembly = Assembly::default();
    while let Some(delta) = deltas.next().await {
        if let Some(completion) = assembly.take(delta?)? {
            return Ok(completion);
        }
    }
    Err(Error::Incomplete)
}
