//! The same clients on a provider behind the service: they have tools called, take answers in a schema, and leave a
//! stream, which the provider notices.

use std::time::Duration;

use serde_json::{Value, json};
use ultra_testenv::llm::Llm;

use super::{DEADLINE, async_openai, node, python, told};
use crate::harness::Service;

const MODEL: &str = "openai/gpt-x";

/// A service with a provider that answers each client's five requests in their order.
struct Behind {
    llm: Llm,
    service: Service,
    base_url: String,
}

impl Behind {
    async fn new() -> Self {
        let weather = ("weather", r#"{"city":"Oslo"}"#);
        let script = Llm::scripted()
            .call_tool(weather.0, weather.1)
            .answer("It is 7 degrees.")
            .call_tool(weather.0, weather.1)
            .answer(r#"{"city":"Oslo","celsius":7}"#)
            .always_answer("word ".repeat(10_000))
            .pace(Duration::from_millis(20));
        let llm = script.start().await.unwrap();
        let file = format!(
            "providers:\n  - {{name: openai, kind: openai, baseUrl: '{}', apiKeyVariable: STAND_IN_KEY}}\n\
             panel: {{models: [openai/one, openai/two], synthesizer: openai/three}}\n",
            llm.openai_base_url()
        );
        let vars = [("ULTRA_MODE", "real"), ("STAND_IN_KEY", "sk-stand-in")];
        let service = Service::start(&vars, Some(&file)).await;
        let base_url = format!("{}/v1", service.url);
        Self {
            llm,
            service,
            base_url,
        }
    }

    fn environment(&self) -> [(&str, &str); 3] {
        [
            ("OPENAI_BASE_URL", &self.base_url),
            ("OPENAI_API_KEY", "any"),
            ("MODEL", MODEL),
        ]
    }

    async fn was_used_right(&self, seen: &Value) {
        let call = json!(["weather", {"city": "Oslo"}]);
        assert_eq!(
            *seen,
            json!({
                "called": call,
                "told": "It is 7 degrees.",
                "streamed": call,
                "parsed": {"city": "Oslo", "celsius": 7},
            })
        );
        let left = self
            .llm
            .wait_until("the client has left", DEADLINE, |seen| seen.cancelled == 1);
        left.await.unwrap();
        assert_eq!(self.llm.requests().len(), 5, "at {}", self.service.url);
    }
}

#[tokio::test]
async fn openai_for_python_calls_tools_and_takes_schemas() {
    let behind = Behind::new().await;
    let program = include_str!("openai_tools.py");
    let output = python().await.run(program, &behind.environment(), DEADLINE).await;
    behind.was_used_right(&told(output.unwrap())).await;
}

#[tokio::test]
async fn langchain_for_python_calls_tools_and_takes_schemas() {
    let behind = Behind::new().await;
    let program = include_str!("langchain_tools.py");
    let output = python().await.run(program, &behind.environment(), DEADLINE).await;
    behind.was_used_right(&told(output.unwrap())).await;
}

#[tokio::test]
async fn openai_for_node_calls_tools_and_takes_schemas() {
    let behind = Behind::new().await;
    let program = include_str!("openai_tools.mjs");
    let output = node().await.run(program, &behind.environment(), DEADLINE).await;
    behind.was_used_right(&told(output.unwrap())).await;
}

#[tokio::test]
async fn vercels_ai_sdk_calls_tools_and_takes_schemas() {
    let behind = Behind::new().await;
    let program = include_str!("ai_sdk_tools.mjs");
    let output = node().await.run(program, &behind.environment(), DEADLINE).await;
    behind.was_used_right(&told(output.unwrap())).await;
}

#[tokio::test]
async fn async_openai_calls_tools_and_takes_schemas() {
    let behind = Behind::new().await;
    let seen = async_openai::use_tools(&behind.base_url, MODEL).await;
    behind.was_used_right(&seen).await;
}
