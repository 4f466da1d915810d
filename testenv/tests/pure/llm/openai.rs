use serde_json::{Value, json};
use ultra_testenv::Llm;

use super::client::{Format, QUESTION, events, http, json_of};

#[tokio::test]
async fn an_answer_repeats_the_question_and_counts_tokens() {
    let llm = Llm::scripted().start().await.unwrap();
    let response = Format::OpenAi.send(&llm, false).await;
    assert!(response.headers().contains_key("x-request-id"));
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "m");
    assert_eq!(Format::OpenAi.text(&answer), format!("m answers: {QUESTION}"));
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 5);
    assert_eq!(answer["usage"]["completion_tokens"], 7);
    assert_eq!(answer["usage"]["total_tokens"], 12);
}

#[tokio::test]
async fn a_stream_adds_up_to_the_plain_answer_and_ends_with_done() {
    let llm = Llm::scripted().start().await.unwrap();
    let events = events(Format::OpenAi.send(&llm, true).await).await;
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(done.data, "[DONE]");
    let chunks: Vec<_> = chunks.iter().map(json_of).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, format!("m answers: {QUESTION}"));
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert!(
        chunks.iter().all(|chunk| chunk.get("usage").is_none()),
        "nobody asked for usage"
    );
}

#[tokio::test]
async fn usage_is_the_last_chunk_of_a_stream_that_asks_for_it() {
    let llm = Llm::scripted().start().await.unwrap();
    let body = json!({
        "model": "m",
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": QUESTION }] }],
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    let url = format!("{}/chat/completions", llm.openai_base_url());
    let response = http()
        .post(url)
        .bearer_auth("k")
        .json(&body)
        .send()
        .await
        .unwrap();
    let events = events(response).await;
    let [chunks @ .., usage, _done] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert!(chunks.iter().map(json_of).all(|chunk| chunk["usage"].is_null()));
    let usage = json_of(usage);
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["total_tokens"], 12);
}

#[tokio::test]
async fn a_token_limit_cuts_the_answer_short() {
    let llm = Llm::scripted().answer("one two three").start().await.unwrap();
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "count" }], "max_tokens": 2 });
    let url = format!("{}/chat/completions", llm.openai_base_url());
    let response = http()
        .post(url)
        .bearer_auth("k")
        .json(&body)
        .send()
        .await
        .unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(Format::OpenAi.text(&answer), "one two ");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn models_are_listed() {
    let llm = Llm::scripted().models(["gpt-a", "gpt-b"]).start().await.unwrap();
    let url = format!("{}/models", llm.openai_base_url());
    let list: Value = http()
        .get(&url)
        .bearer_auth("k")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let ids: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| &model["id"])
        .collect();
    assert_eq!(ids, ["gpt-a", "gpt-b"]);
}

#[tokio::test]
async fn what_the_provider_would_refuse_is_refused() {
    let llm = Llm::scripted().start().await.unwrap();
    let url = format!("{}/chat/completions", llm.openai_base_url());
    let post = |body: &'static str| http().post(&url).body(body);
    let refusals = [
        (post("{}"), 401, "invalid_api_key"),
        (post("{").bearer_auth("k"), 400, "parse"),
        (post("{}").bearer_auth("k"), 400, "model"),
        (
            post(r#"{"model":"m","messages":[]}"#).bearer_auth("k"),
            400,
            "messages",
        ),
        (
            http().post(format!("{url}/x")).bearer_auth("k"),
            404,
            "Invalid URL",
        ),
    ];
    for (request, status, word) in refusals {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        let error = response.json::<Value>().await.unwrap()["error"].take();
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error.to_string().contains(word), "{error}");
    }
}
