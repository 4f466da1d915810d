//! The service with providers behind it that speak their own languages: the stand-in ones of the test environment.

mod adapters;
mod matrix;
mod openai;
mod real;
mod translated;

use serde_json::{Value, json};
use ultra_testenv::llm::{Llm, Script};

use crate::harness::{Service, events};

/// A service whose one provider is a stand-in.
struct Behind {
    service: Service,
    llm: Llm,
}

impl Behind {
    /// One that speaks this language and behaves by this script. `fields` are further ones of its entry.
    async fn of(kind: &str, script: Script, fields: &str) -> Self {
        Self::with(kind, script, fields, "").await
    }

    /// The same, with more in its configuration file.
    async fn with(kind: &str, script: Script, fields: &str, more: &str) -> Self {
        let llm = script.start().await.unwrap();
        let base_url = match kind {
            "openai" => llm.openai_base_url(),
            "anthropic" => llm.anthropic_base_url(),
            _ => llm.gemini_base_url(),
        };
        let file = format!(
            "providers:\n  - {{name: {kind}, kind: {kind}, baseUrl: '{base_url}', apiKeyVariable: STAND_IN_KEY{fields}}}\n\
             panel: {{models: [{kind}/one, {kind}/two, {kind}/three], synthesizer: {kind}/editor}}\n{more}"
        );
        let vars = [("ULTRA_MODE", "real"), ("STAND_IN_KEY", "sk-stand-in")];
        let service = Service::start(&vars, Some(&file)).await;
        Self { service, llm }
    }

    /// Asks for a completion, and gives status and body.
    async fn complete(&self, body: Value) -> (u16, Value) {
        let response = self.service.chat(&body).await;
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The data of all events of a streamed completion.
    async fn stream(&self, mut body: Value) -> Vec<String> {
        body["stream"] = json!(true);
        let response = self.service.chat(&body).await;
        assert_eq!(response.status(), 200);
        events(response)
            .await
            .into_iter()
            .map(|(.., data)| data)
            .collect()
    }
}

fn user(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}
