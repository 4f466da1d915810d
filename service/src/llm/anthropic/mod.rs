//! Anthropic's messages API (<https://platform.claude.com/docs/en/api/messages>).

mod events;
mod failure;
mod messages;
mod request;

use async_trait::async_trait;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    Deltas, Error, ModelInfo, Models, Provider, Request, events as reading,
    upstream::{ApiKey, Upstream},
};

const PATH: &str = "v1/messages";

/// The last version that knows how words are to be chosen (`temperature`, `top_p`).
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// A provider that speaks Anthropic's language.
pub struct Anthropic {
    models: Models,
    upstream: Upstream,
}

impl Anthropic {
    /// The key that goes with each request, once it is known.
    pub fn api_key() -> ApiKey {
        ApiKey::new(HeaderName::from_static("x-api-key"), "")
    }

    /// What else goes with each request.
    pub fn headers() -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static("anthropic-version"), VERSION)])
    }

    /// A provider with these models, reached this way.
    pub fn new(models: Models, upstream: Upstream) -> Self {
        Self { models, upstream }
    }
}

#[async_trait]
impl Provider for Anthropic {
    fn models(&self) -> Vec<ModelInfo> {
        self.models.list()
    }

    fn takes_all_of(&self) -> Option<&str> {
        self.models.all_of()
    }

    async fn stream(&self, request: Request) -> Result<Deltas, Error> {
        let body = request::encode(&request)?;
        reading::ask::<events::Reader>(&self.upstream, &request, PATH, &body).await
    }
}
