use serde_json::{Value, json};

use crate::harness::{QUESTION, Service, answer_to, events, json_of};

async fn complete(service: &Service, body: Value) -> (u16, Value) {
    let response = service.chat(&body).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

fn user(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

#[tokio::test]
async fn the_panel_answers_as_a_model_called_ultra() {
    let service = Service::alone().await;
    let (status, body) = complete(&service, json!({"model": "ultra", "messages": user(QUESTION)})).await;
    assert_eq!(status, 200);
    insta::assert_json_snapshot!(body, {".id" => "[id]", ".created" => "[time]"});
    let panel = service.ask(QUESTION).await;
    assert_eq!(
        (&panel["answer"], &panel["cached"]),
        (&body["choices"][0]["message"]["content"], &json!(true))
    );
}

#[tokio::test]
async fn a_model_is_asked_directly_by_its_full_or_its_bare_name() {
    let service = Service::alone().await;
    let (_, full) = complete(
        &service,
        json!({"model": "mock/analyst", "messages": user(QUESTION)}),
    )
    .await;
    let (_, bare) = complete(&service, json!({"model": "analyst", "messages": user(QUESTION)})).await;
    assert_eq!(full["choices"], bare["choices"]);
    assert_eq!(full["usage"]["prompt_tokens"], 8);
    let (_, cut) = complete(
        &service,
        json!({"model": "analyst", "messages": user(QUESTION), "max_completion_tokens": 2}),
    )
    .await;
    assert_eq!(
        (
            &cut["usage"]["completion_tokens"],
            &cut["choices"][0]["finish_reason"]
        ),
        (&json!(2), &json!("length"))
    );
}

#[tokio::test]
async fn streams_of_panel_and_model_hold_the_whole_answer_the_tokens_and_an_end() {
    let service = Service::alone().await;
    for model in ["ultra", "mock/analyst"] {
        let request = json!({"model": model, "messages": user(QUESTION)});
        let mut streamed = request.clone();
        streamed["stream"] = json!(true);
        streamed["stream_options"] = json!({"include_usage": true});
        let chunks = events(service.chat(&streamed).await).await;
        let (_, whole) = complete(&service, request).await;

        assert_eq!(chunks.last().unwrap().2, "[DONE]");
        let chunks: Vec<Value> = chunks[..chunks.len() - 1]
            .iter()
            .map(|(.., data)| json_of(data))
            .collect();
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        let text: String = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(text, whole["choices"][0]["message"]["content"], "{model}");
        let [.., end, usage] = &chunks[..] else {
            panic!("{chunks:?}")
        };
        assert_eq!(end["choices"][0]["finish_reason"], "stop");
        assert_eq!(usage["choices"], json!([]));
        assert!(usage["usage"]["total_tokens"].as_u64().unwrap() > 8, "{usage}");
    }
}

#[tokio::test]
async fn what_is_not_supported_is_refused_by_name() {
    let service = Service::alone().await;
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b"}}]}]);
    let audio = json!([{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]);
    let result =
        json!([{"role": "user", "content": "x"}, {"role": "tool", "content": "x", "tool_call_id": "1"}]);
    let cases = [
        (
            json!({"tools": [{"type": "function", "function": {"name": "weather"}}]}),
            "tools",
            "unsupported_parameter",
        ),
        (
            json!({"response_format": {"type": "json_object"}}),
            "response_format",
            "unsupported_parameter",
        ),
        (json!({"n": 2}), "n", "unsupported_parameter"),
        (json!({"logprobs": true}), "logprobs", "unsupported_parameter"),
        (json!({"temprature": 1}), "temprature", "unknown_parameter"),
        (json!({"temperature": 3}), "temperature", "invalid_value"),
        (json!({"max_tokens": 0}), "max_completion_tokens", "invalid_value"),
        (json!({"stream_options": {}}), "stream_options", "invalid_value"),
        (json!({"messages": []}), "messages", "invalid_value"),
        (
            json!({"messages": image}),
            "messages.0.content.0.type",
            "invalid_value",
        ),
        (
            json!({"messages": audio}),
            "messages.0.content.0.type",
            "invalid_value",
        ),
        (json!({"messages": result}), "messages.1.role", "invalid_value"),
        (
            json!({"messages": [{"role": "critic", "content": "x"}]}),
            "messages.0.role",
            "invalid_value",
        ),
    ];
    for (change, param, code) in cases {
        let mut body = json!({"model": "ultra", "messages": user(QUESTION)});
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let (status, error) = complete(&service, body).await;
        assert_eq!(
            (status, &error["error"]["param"], &error["error"]["code"]),
            (400, &json!(param), &json!(code)),
            "{error}"
        );
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
    let neutral = json!({"model": "ultra", "messages": user(QUESTION), "n": 1, "tools": [], "logprobs": false,
        "response_format": {"type": "text"}, "presence_penalty": 0, "user": "me", "metadata": {"a": "b"}, "store": false,
        "temperature": 0.5, "top_p": 1, "seed": 7, "stop": ["END"], "max_tokens": 100, "logit_bias": null});
    assert_eq!(complete(&service, neutral).await.0, 200);
}

#[tokio::test]
async fn a_model_that_nobody_has_is_a_404_and_one_that_fails_a_503() {
    let service = Service::alone().await;
    let (status, error) = complete(
        &service,
        json!({"model": "gpt-nonsense", "messages": user(QUESTION)}),
    )
    .await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (404, &json!("model_not_found"))
    );
    let (status, error) = complete(
        &service,
        json!({"model": "mock/unavailable", "messages": user(QUESTION)}),
    )
    .await;
    assert_eq!((status, &error["error"]["type"]), (503, &json!("server_error")));
    assert_eq!(
        service.get("/v1/models/nonsense").send().await.unwrap().status(),
        404
    );
    let model = answer_to(service.get("/v1/models/mock/analyst")).await;
    assert_eq!(model["owned_by"], "mock");
}
