//! OpenAI, and the many who speak its language: Mistral, Groq, OpenRouter, vLLM, Ollama and others.

mod events;
mod pass_through;
mod request;
mod tokens;

use std::sync::Arc;

use async_trait::async_trait;
use http::header;

use events::Reader;
pub use pass_through::{Envelope, PassThrough, Passed, PassedStream, Piece};
use request::LengthField;

use super::{
    Deltas, Error, ModelInfo, Models, Provider, Request, events as reading,
    upstream::{ApiKey, Upstream},
};

/// The name of the one whose newer models know only the newer name of an answer's bound.
const OPENAI_ITSELF: &str = "openai";

const PATH: &str = "chat/completions";

/// A provider that speaks OpenAI's language.
pub struct OpenAi {
    models: Models,
    upstream: Upstream,
    length: LengthField,
}

impl OpenAi {
    /// The key that goes with each request, once it is known.
    pub fn api_key() -> ApiKey {
        ApiKey::new(header::AUTHORIZATION, "Bearer ")
    }

    /// A provider with these models, reached this way.
    pub fn new(models: Models, upstream: Upstream) -> Self {
        let length = if models.provider() == OPENAI_ITSELF {
            LengthField::MaxCompletionTokens
        } else {
            LengthField::MaxTokens
        };
        Self {
            models,
            upstream,
            length,
        }
    }
}

#[async_trait]
impl Provider for OpenAi {
    fn models(&self) -> Vec<ModelInfo> {
        self.models.list()
    }

    fn takes_all_of(&self) -> Option<&str> {
        self.models.all_of()
    }

    async fn stream(&self, request: Request) -> Result<Deltas, Error> {
        let body = request::body(&request, self.length);
        reading::ask::<Reader>(&self.upstream, &request, PATH, &body).await
    }

    fn pass_through(self: Arc<Self>) -> Option<Arc<dyn PassThrough>> {
        Some(self)
    }
}
