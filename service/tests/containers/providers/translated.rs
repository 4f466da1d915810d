//! Providers with another language than OpenAI's, asked by OpenAI's clients.

use serde_json::{Value, json};
use ultra_testenv::llm::Llm;

use super::{Behind, user};
use crate::harness::{QUESTION, json_of};

const KINDS: [&str; 2] = ["anthropic", "google"];

fn tools() -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    json!([{"type": "function", "function": {"name": "weather", "description": "Tells.", "parameters": parameters}}])
}

#[tokio::test]
async fn whole_answers_and_streams_say_the_same_and_count_their_tokens() {
    for kind in KINDS {
        let behind = Behind::of(kind, Llm::scripted(), "").await;
        let mut body = json!({"model": format!("{kind}/m"), "messages": user(QUESTION)});
        let (status, whole) = behind.complete(body.clone()).await;
        assert_eq!(status, 200, "{whole}");
        assert_eq!(
            whole["choices"][0]["message"]["content"],
            format!("m answers: {QUESTION}")
        );
        assert_eq!(whole["usage"]["total_tokens"], 18);
        body["stream_options"] = json!({"include_usage": true});
        let events = behind.stream(body).await;
        let (done, chunks) = events.split_last().unwrap();
        assert_eq!(done, "[DONE]");
        let chunks: Vec<Value> = chunks.iter().map(|data| json_of(data)).collect();
        let text: String = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(text, whole["choices"][0]["message"]["content"]);
        assert_eq!(chunks.last().unwrap()["usage"], whole["usage"]);
    }
}

#[tokio::test]
async fn tools_are_called_and_told_what_they_returned_in_openais_words() {
    for kind in KINDS {
        let script = Llm::scripted().call_tool("weather", r#"{"city": "Paris"}"#);
        let behind = Behind::of(kind, script, "").await;
        let mut body = json!({"model": format!("{kind}/m"), "messages": user(QUESTION), "tools": tools()});
        let (status, called) = behind.complete(body.clone()).await;
        assert_eq!(status, 200, "{called}");
        let choice = &called["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls");
        let call = &choice["message"]["tool_calls"][0];
        assert_eq!(call["function"]["name"], "weather");
        assert_eq!(
            json_of(call["function"]["arguments"].as_str().unwrap()),
            json!({"city": "Paris"})
        );
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(choice["message"].clone());
        messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "Rain."}));
        let (status, answer) = behind.complete(body).await;
        assert_eq!(status, 200, "{answer}");
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(text.contains("Rain."), "{text}");
    }
}

#[tokio::test]
async fn a_schema_and_an_image_reach_the_provider() {
    let schema = json!({
        "type": "object",
        "properties": {"said": {"type": "string"}},
        "required": ["said"],
        "additionalProperties": false,
    });
    let content = json!([
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]);
    for kind in KINDS {
        let behind = Behind::of(kind, Llm::scripted(), "").await;
        let body = json!({
            "model": format!("{kind}/m"),
            "messages": [{"role": "user", "content": content}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "said", "schema": schema, "strict": true}},
        });
        let (status, answer) = behind.complete(body).await;
        assert_eq!(status, 200, "{answer}");
        let said = json_of(answer["choices"][0]["message"]["content"].as_str().unwrap());
        assert_eq!(said, json!({"said": "m answers: What is it?"}));
        let asked = behind.llm.requests().pop().unwrap().body.to_string();
        assert!(
            asked.contains("iVBORw0KGgo=") && asked.contains("image/png"),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn what_a_provider_has_not_is_refused_by_name_and_costs_no_call() {
    for (kind, change, param) in [
        ("anthropic", json!({"seed": 7}), "seed"),
        ("anthropic", json!({"temperature": 1.5}), "temperature"),
        (
            "anthropic",
            json!({"response_format": {"type": "json_object"}}),
            "response_format",
        ),
        (
            "google",
            json!({"tools": tools(), "parallel_tool_calls": false}),
            "parallel_tool_calls",
        ),
    ] {
        let behind = Behind::of(kind, Llm::scripted(), "").await;
        let mut body = json!({"model": format!("{kind}/m"), "messages": user("json?")});
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let (status, error) = behind.complete(body).await;
        assert_eq!(
            (status, &error["error"]["param"], &error["error"]["code"]),
            (400, &json!(param), &json!("unsupported_parameter")),
            "{error}"
        );
        assert_eq!(behind.llm.requests().len(), 0);
    }
}
