//! The same flows with the providers themselves, which cost money: `cargo testenv test --mode real`, with their keys in
//! the environment. `…_BASE_URL` asks somebody else, and `ULTRA_TEST_MODEL` another model than a small one.

use std::env;

use serde_json::{Value, json};

use super::user;
use crate::harness::{QUESTION, Service, answer_to, events, json_of};

async fn asked(provider: &str, key: &str, base_url: &str, small_model: &str) {
    let model = env::var("ULTRA_TEST_MODEL").unwrap_or_else(|_| small_model.to_owned());
    let model = format!("{provider}/{model}");
    let file = format!("panel: {{models: ['{model}', '{model}'], synthesizer: '{model}'}}");
    let given: Vec<_> = [key, base_url]
        .into_iter()
        .filter_map(|name| Some((name, env::var(name).ok()?)))
        .collect();
    assert!(given.iter().any(|(name, _)| *name == key), "{key} is not set");
    let mut vars = vec![("ULTRA_MODE", "real")];
    vars.extend(given.iter().map(|(name, value)| (*name, value.as_str())));
    let service = Service::start(&vars, Some(&file)).await;

    let body = json!({"model": model, "messages": user("Say yes."), "max_completion_tokens": 500});
    let whole = answer_to(service.post("/v1/chat/completions", &body)).await;
    assert!(is_text(&whole["choices"][0]["message"]["content"]), "{whole}");
    assert!(
        whole["usage"]["completion_tokens"].as_u64().unwrap() > 0,
        "{whole}"
    );

    let mut streamed = body;
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({"include_usage": true});
    let response = service.chat(&streamed).await;
    assert_eq!(response.status(), 200);
    let told = events(response).await;
    let [chunks @ .., (.., end)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(end, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|(.., data)| json_of(data)).collect();
    assert!(
        chunks
            .iter()
            .any(|chunk| is_text(&chunk["choices"][0]["delta"]["content"])),
        "{chunks:?}"
    );
    assert!(
        chunks.iter().any(|chunk| chunk["usage"].is_object()),
        "{chunks:?}"
    );

    let analysis = service.ask(QUESTION).await;
    assert!(is_text(&analysis["answer"]), "{analysis}");
    assert_eq!(
        (&analysis["left_out"], &analysis["degraded"]),
        (&json!([]), &json!(false)),
        "{analysis}"
    );
    let usage = service.usage("/api/v1/usage", None, 3).await;
    assert!(usage["total"]["output_tokens"].as_u64().unwrap() > 0, "{usage}");
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

#[tokio::test]
#[ignore = "costs money: cargo testenv test --mode real"]
async fn openai() {
    asked("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL", "gpt-6-luna").await;
}

#[tokio::test]
#[ignore = "costs money: cargo testenv test --mode real"]
async fn anthropic() {
    asked(
        "anthropic",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "claude-haiku-5-5",
    )
    .await;
}

#[tokio::test]
#[ignore = "costs money: cargo testenv test --mode real"]
async fn google() {
    asked("google", "GEMINI_API_KEY", "GEMINI_BASE_URL", "gemini-3.8-flash").await;
}
