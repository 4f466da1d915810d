//! Language models: the port that the panel and the pass-through call, and its adapters, one file each.

mod answer;
mod catalog;
mod error;
mod message;
pub mod mock;
mod request;

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;

pub use answer::{Assembly, Completion, Delta, Deltas, FinishReason, ToolCallDelta};
pub use catalog::{Catalog, ModelInfo};
pub use error::{Error, Phase};
pub use message::{Image, ImageSource, Message, Part, Role, ToolCall, input_bound};
pub use request::{Format, Request, Sampling, Tool, ToolChoice, Tools};

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
    let mut deltas = provider.stream(request).await?;
    let mut assembly = Assembly::default();
    while let Some(delta) = deltas.next().await {
        if let Some(completion) = assembly.take(delta?)? {
            return Ok(completion);
        }
    }
    Err(Error::Incomplete)
}
