use serde_json::{Value, json};
use ultra_testenv::Llm;

use super::client::{Format, QUESTION, events, http, json_of};

#[tokio::test]
async fn an_answer_repeats_the_question_and_counts_tokens() {
    let llm = Llm::scripted().start().await.unwrap();
    let answer: Value = Format::Gemini.send(&llm, false).await.json().await.unwrap();
    assert_eq!(Format::Gemini.text(&answer), format!("m answers: {QUESTION}"));
    assert_eq!(answer["candidates"][0]["content"]["role"], "model");
    assert_eq!(answer["candidates"][0]["finishReason"], "STOP");
    assert_eq!(answer["modelVersion"], "m");
    assert_eq!(answer["usageMetadata"]["promptTokenCount"], 5);
    assert_eq!(answer["usageMetadata"]["candidatesTokenCount"], 7);
    assert_eq!(answer["usageMetadata"]["totalTokenCount"], 12);
}

#[tokio::test]
async fn a_stream_adds_up_to_the_plain_answer_and_only_its_end_has_a_reason() {
    let llm = Llm::scripted().start().await.unwrap();
    let events = events(Format::Gemini.send(&llm, true).await).await;
    let chunks: Vec<_> = events.iter().map(json_of).collect();
    let text: String = chunks.iter().map(|chunk| Format::Gemini.text(chunk)).collect();
    assert_eq!(text, format!("m answers: {QUESTION}"));
    let (end, before) = chunks.split_last().unwrap();
    assert_eq!(end["candidates"][0]["finishReason"], "STOP");
    assert_eq!(end["usageMetadata"]["totalTokenCount"], 12);
    assert!(
        before
            .iter()
            .all(|chunk| chunk["candidates"][0].get("finishReason").is_none())
    );
}

#[tokio::test]
async fn a_key_in_the_query_is_accepted_and_a_token_limit_kept() {
    let llm = Llm::scripted().start().await.unwrap();
    let url = format!(
        "{}/v1beta/models/gemini-x:generateContent?key=k",
        llm.gemini_base_url()
    );
    let body = json!({
        "systemInstruction": { "parts": [{ "text": "be brief" }] },
        "contents": [{ "parts": [{ "text": "why?" }] }],
        "generationConfig": { "maxOutputTokens": 1 },
    });
    let answer: Value = http()
        .post(url)
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(Format::Gemini.text(&answer), "gemini-x ");
    assert_eq!(answer["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert_eq!(answer["usageMetadata"]["promptTokenCount"], 3);
}

#[tokio::test]
async fn what_the_provider_would_refuse_is_refused() {
    let llm = Llm::scripted().start().await.unwrap();
    let post = |call: &str| http().post(format!("{}/v1beta/models/{call}", llm.gemini_base_url()));
    let refusals = [
        (post("m:generateContent"), 403, "PERMISSION_DENIED"),
        (
            post("m:generateContent?key=k").body("{}"),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            post("m:streamGenerateContent?key=k").body("{}"),
            400,
            "INVALID_ARGUMENT",
        ),
        (post("m:conjure?key=k").body("{}"), 404, "NOT_FOUND"),
    ];
    for (request, code, status) in refusals {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), code);
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            (&body["error"]["code"], &body["error"]["status"]),
            (&json!(code), &json!(status))
        );
    }
}
