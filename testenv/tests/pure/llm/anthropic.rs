use serde_json::{Value, json};
use ultra_testenv::Llm;

use super::client::{Format, QUESTION, events, http, json_of};

#[tokio::test]
async fn an_answer_repeats_the_question_and_counts_tokens() {
    let llm = Llm::scripted().start().await.unwrap();
    let response = Format::Anthropic.send(&llm, false).await;
    assert!(response.headers().contains_key("request-id"));
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["type"], "message");
    assert_eq!(Format::Anthropic.text(&answer), format!("m answers: {QUESTION}"));
    assert_eq!(answer["stop_reason"], "end_turn");
    assert_eq!(answer["usage"]["input_tokens"], 5);
    assert_eq!(answer["usage"]["output_tokens"], 7);
}

#[tokio::test]
async fn a_stream_has_the_documented_events_in_their_order() {
    let llm = Llm::scripted().answer("blue ").start().await.unwrap();
    let events = events(Format::Anthropic.send(&llm, true).await).await;
    let names: Vec<_> = events.iter().map(|event| event.event.as_str()).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected);
    let data: Vec<_> = events.iter().map(json_of).collect();
    assert!(data.iter().zip(names).all(|(data, name)| data["type"] == name));
    assert_eq!(data[0]["message"]["usage"]["input_tokens"], 5);
    assert_eq!(data[3]["delta"], json!({ "type": "text_delta", "text": "blue " }));
    assert_eq!(data[5]["delta"]["stop_reason"], "end_turn");
    assert_eq!(data[5]["usage"]["output_tokens"], 1);
}

#[tokio::test]
async fn the_system_prompt_counts_as_input() {
    let llm = Llm::scripted().start().await.unwrap();
    let body = json!({
        "model": "m",
        "max_tokens": 9,
        "system": [{ "type": "text", "text": "be brief" }],
        "messages": [{ "role": "user", "content": "why?" }, { "role": "assistant", "content": "because" }],
    });
    let url = format!("{}/v1/messages", llm.anthropic_base_url());
    let request = http()
        .post(url)
        .header("x-api-key", "k")
        .header("anthropic-version", "2023-06-01");
    let answer: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["usage"]["input_tokens"], 4);
    assert_eq!(Format::Anthropic.text(&answer), "m answers: why?");
}

#[tokio::test]
async fn what_the_provider_would_refuse_is_refused() {
    let llm = Llm::scripted().start().await.unwrap();
    let url = format!("{}/v1/messages", llm.anthropic_base_url());
    let with_key = || http().post(&url).header("x-api-key", "k");
    let whole = || with_key().header("anthropic-version", "2023-06-01");
    let refusals = [
        (http().post(&url), 401, "authentication_error", "x-api-key"),
        (with_key(), 400, "invalid_request_error", "anthropic-version"),
        (
            with_key().header("anthropic-version", "2023-01-32"),
            400,
            "invalid_request_error",
            "2023-01-32",
        ),
        (whole().body("{"), 400, "invalid_request_error", "JSON"),
        (
            whole().body(r#"{"model":"m","messages":[]}"#),
            400,
            "invalid_request_error",
            "max_tokens",
        ),
        (
            whole().body(r#"{"model":"m","max_tokens":1}"#),
            400,
            "invalid_request_error",
            "messages",
        ),
    ];
    for (request, status, kind, word) in refusals {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            (&body["type"], &body["error"]["type"]),
            (&json!("error"), &json!(kind))
        );
        assert!(body["request_id"].is_string(), "{body}");
        assert!(
            body["error"]["message"].as_str().unwrap().contains(word),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_newer_api_version_takes_bearer_keys_and_no_sampling_parameters() {
    let llm = Llm::scripted().start().await.unwrap();
    let url = format!("{}/v1/messages", llm.anthropic_base_url());
    let plain = json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "why?" }] });
    let mut sampled = plain.clone();
    sampled["temperature"] = json!(1.0);
    let cases = [
        ("2026-10-21", &plain, 200),
        ("2026-10-21", &sampled, 400),
        ("2023-06-01", &sampled, 200),
    ];
    for (version, body, status) in cases {
        let request = http()
            .post(&url)
            .bearer_auth("k")
            .header("anthropic-version", version);
        let response = request.json(body).send().await.unwrap();
        assert_eq!(response.status(), status, "{version}");
        assert_eq!(
            response.text().await.unwrap().contains("temperature"),
            status == 400
        );
    }
}
