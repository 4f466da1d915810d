//! The adapters that translate, over HTTP, against the stand-in provider.

mod answers;
mod failures;
mod tools;

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use ultra_service::{
    config::ProviderBounds,
    llm::{Message, Models, Provider, Request, anthropic::Anthropic, gemini::Gemini, upstream::Upstream},
};
use ultra_testenv::Llm;

const QUESTION: &str = "Why is the sky blue?";

/// Whose words are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Anthropic,
    Gemini,
}

impl Language {
    const ALL: [Self; 2] = [Self::Anthropic, Self::Gemini];

    fn of(self, llm: &Llm) -> Arc<dyn Provider> {
        self.within(llm, Duration::from_secs(20))
    }

    /// A provider that is waited for no longer than this, however little it has said.
    fn within(self, llm: &Llm, time: Duration) -> Arc<dyn Provider> {
        let bounds = ProviderBounds {
            connect: time,
            first_byte: time,
            chunk: time,
            total: 10 * time,
            concurrency: 16,
            concurrency_per_model: 16,
            retries: 0,
        };
        let key = match self {
            Self::Anthropic => Anthropic::api_key(),
            Self::Gemini => Gemini::api_key(),
        };
        key.set(Some(&SecretString::from("sk-test-0123456789"))).unwrap();
        let (base, headers) = match self {
            Self::Anthropic => (llm.anthropic_base_url(), Anthropic::headers()),
            Self::Gemini => (llm.gemini_base_url(), http::HeaderMap::new()),
        };
        let upstream = Upstream::new(base.parse().unwrap(), Arc::new(key), headers, bounds).unwrap();
        let models = Models::any("p", Vec::new());
        match self {
            Self::Anthropic => Arc::new(Anthropic::new(models, upstream)),
            Self::Gemini => Arc::new(Gemini::new(models, upstream)),
        }
    }
}

/// The question, and nothing special about it.
fn question() -> Request {
    asking(vec![Message::user(QUESTION)])
}

fn asking(messages: Vec<Message>) -> Request {
    Request::new("p/m".parse().unwrap(), messages)
}
