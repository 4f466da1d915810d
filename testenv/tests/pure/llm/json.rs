use serde_json::{Value, json};
use ultra_testenv::Llm;

use super::client::{Format, events, json_of};

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": { "answer": { "type": "string" }, "sure": { "type": "boolean" } },
        "required": ["answer", "sure"],
        "additionalProperties": false,
    })
}

fn asking_for_schema(format: Format) -> Value {
    match format {
        Format::OpenAi => json!({
            "response_format": { "type": "json_schema", "json_schema": { "name": "said", "schema": schema() } },
        }),
        Format::Anthropic => {
            json!({ "output_config": { "format": { "type": "json_schema", "schema": schema() } } })
        }
        Format::Gemini => json!({
            "generationConfig": { "responseMimeType": "application/json", "responseJsonSchema": schema() },
        }),
    }
}

#[tokio::test]
async fn asked_for_a_schema_the_echo_is_what_the_schema_allows() {
    let llm = Llm::scripted().start().await.unwrap();
    for format in Format::ALL {
        let answer = format.ask(&llm, false, asking_for_schema(format)).await;
        let answer: Value = answer.json().await.unwrap();
        let said: Value = serde_json::from_str(format.text(&answer)).unwrap();
        assert_eq!(said, json!({ "answer": "m answers: json why?", "sure": true }));
    }
    let asked = &llm.requests()[1].body["output_config"]["format"];
    assert_eq!(asked["schema"], schema());
}

#[tokio::test]
async fn asked_for_json_the_echo_is_an_object_and_a_script_is_taken_at_its_word() {
    let llm = Llm::scripted().start().await.unwrap();
    let cases = [
        (
            Format::OpenAi,
            json!({ "response_format": { "type": "json_object" } }),
        ),
        (
            Format::Gemini,
            json!({ "generationConfig": { "responseMimeType": "application/json" } }),
        ),
    ];
    for (format, fields) in cases {
        let answer: Value = format
            .ask(&llm, false, fields.clone())
            .await
            .json()
            .await
            .unwrap();
        let said: Value = serde_json::from_str(format.text(&answer)).unwrap();
        assert_eq!(said, json!({ "answer": "m answers: json why?" }));
        llm.set_script(Llm::scripted().answer(r#"{"so": 1}"#));
        let answer: Value = format.ask(&llm, false, fields).await.json().await.unwrap();
        assert_eq!(format.text(&answer), r#"{"so": 1}"#);
    }
}

#[tokio::test]
async fn what_no_provider_would_do_as_json_is_refused() {
    let llm = Llm::scripted().start().await.unwrap();
    let cases = [
        (
            Format::OpenAi,
            json!({
                "response_format": { "type": "json_object" },
                "messages": [{ "role": "user", "content": "why?" }],
            }),
            "the word 'json'",
        ),
        (
            Format::OpenAi,
            json!({ "response_format": { "type": "json_schema", "json_schema": { "schema": {} } } }),
            "json_schema.name",
        ),
        (
            Format::Anthropic,
            json!({ "output_config": { "format": { "type": "json_object" } } }),
            "json_schema",
        ),
        (
            Format::Gemini,
            json!({ "generationConfig": { "responseJsonSchema": {} } }),
            "response_mime_type",
        ),
    ];
    for (format, fields, words) in cases {
        let refused = format.ask(&llm, false, fields).await;
        assert_eq!(refused.status(), 400);
        let text = refused.text().await.unwrap();
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn likelihoods_come_with_every_piece_that_they_are_asked_for() {
    let llm = Llm::scripted().always_answer("very blue").start().await.unwrap();
    let openai = json!({ "logprobs": true, "top_logprobs": 2 });
    let answer: Value = Format::OpenAi
        .ask(&llm, false, openai.clone())
        .await
        .json()
        .await
        .unwrap();
    let content = &answer["choices"][0]["logprobs"]["content"];
    assert_eq!(
        (&content[0]["token"], &content[1]["bytes"]),
        (&json!("very "), &json!(b"blue"))
    );
    assert_eq!(content[0]["top_logprobs"].as_array().unwrap().len(), 2);
    let chunks = events(Format::OpenAi.ask(&llm, true, openai).await).await;
    let piece = json_of(&chunks[1]);
    assert_eq!(piece["choices"][0]["logprobs"]["content"], json!([content[0]]));

    let gemini = json!({ "generationConfig": { "responseLogprobs": true, "logprobs": 2 } });
    let answer: Value = Format::Gemini
        .ask(&llm, false, gemini)
        .await
        .json()
        .await
        .unwrap();
    let result = &answer["candidates"][0]["logprobsResult"];
    assert_eq!(result["chosenCandidates"][1]["token"], "blue");
    assert_eq!(
        result["topCandidates"][0]["candidates"].as_array().unwrap().len(),
        2
    );
    let answer: Value = Format::OpenAi.send(&llm, false).await.json().await.unwrap();
    assert!(answer["choices"][0]["logprobs"].is_null());
}
