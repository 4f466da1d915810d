//! Google's Gemini API, `streamGenerateContent` (<https://ai.google.dev/api/generate-content>).

mod call_id;
mod config;
mod contents;
mod events;
mod failure;
mod likelihoods;
mod request;

use async_trait::async_trait;
use http::HeaderName;

use super::{
    Deltas, Error, ModelInfo, Models, Provider, Request, events as reading,
    upstream::{ApiKey, Upstream},
};

/// A provider that speaks Gemini's language.
pub struct Gemini {
    models: Models,
    upstream: Upstream,
}

impl Gemini {
    /// The key that goes with each request, once it is known: in a header, where no log of addresses shows it.
    pub fn api_key() -> ApiKey {
        ApiKey::new(HeaderName::from_static("x-goog-api-key"), "")
    }

    /// A provider with these models, reached this way.
    pub fn new(models: Models, upstream: Upstream) -> Self {
        Self { models, upstream }
    }
}

#[async_trait]
impl Provider for Gemini {
    fn models(&self) -> Vec<ModelInfo> {
        self.models.list()
    }

    fn takes_all_of(&self) -> Option<&str> {
        self.models.all_of()
    }

    async fn stream(&self, request: Request) -> Result<Deltas, Error> {
        let (path, body) = (path(request.model.name()), request::encode(&request)?);
        reading::ask::<events::Reader>(&self.upstream, &request, &path, &body).await
    }
}

/// The model stands in the address, and whoever asks chooses its name: what is no part of a name there is written so
/// that it cannot lead anywhere else.
fn path(model: &str) -> String {
    let mut path = "v1beta/models/".to_owned();
    for byte in model.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => path.push(char::from(byte)),
            other => path.push_str(&format!("%{other:02X}")),
        }
    }
    path.push_str(":streamGenerateContent?alt=sse");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_name_leads_nowhere_else() {
        for (model, expected) in [
            ("gemini-3.5-flash", "gemini-3.5-flash"),
            ("../files?x=1#", "..%2Ffiles%3Fx%3D1%23"),
            ("a:delete", "a%3Adelete"),
        ] {
            assert_eq!(
                path(model),
                format!("v1beta/models/{expected}:streamGenerateContent?alt=sse")
            );
        }
    }
}
