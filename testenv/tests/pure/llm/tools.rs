use serde_json::{Value, json};
use ultra_testenv::{Llm, llm::Script};

use super::client::{Format, events, json_of};

const ARGUMENTS: &str = r#"{"city": "Paris", "days": 2}"#;

fn script() -> Script {
    Llm::scripted().call_tools([("weather", ARGUMENTS), ("clock", "{}")])
}

/// The same two tools in the provider's shape.
fn tools(format: Format) -> Value {
    let schema = json!({ "type": "object", "properties": {} });
    let names = ["weather", "clock"];
    match format {
        Format::OpenAi => {
            let tool =
                |name| json!({ "type": "function", "function": { "name": name, "parameters": schema } });
            json!({ "tools": names.map(tool) })
        }
        Format::Anthropic => {
            json!({ "tools": names.map(|name| json!({ "name": name, "input_schema": schema })) })
        }
        Format::Gemini => {
            let declarations = names.map(|name| json!({ "name": name, "parametersJsonSchema": schema }));
            json!({ "tools": [{ "functionDeclarations": declarations }] })
        }
    }
}

async fn whole(format: Format, llm: &Llm) -> Value {
    format.ask(llm, false, tools(format)).await.json().await.unwrap()
}

async fn streamed(format: Format, llm: &Llm) -> Vec<Value> {
    let events = events(format.ask(llm, true, tools(format)).await).await;
    let data = events.iter().filter(|event| event.data != "[DONE]");
    data.map(json_of).collect()
}

#[tokio::test]
async fn openai_calls_tools_whole_and_piece_by_piece() {
    let llm = script().start().await.unwrap();
    let answer = whole(Format::OpenAi, &llm).await;
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null)
    );
    let calls = &choice["message"]["tool_calls"];
    assert_eq!(
        calls[0]["function"],
        json!({ "name": "weather", "arguments": ARGUMENTS })
    );
    assert_eq!(calls[1]["function"]["name"], "clock");

    llm.set_script(script());
    let chunks = streamed(Format::OpenAi, &llm).await;
    let parts: Vec<_> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0])
        .filter(|part| part.is_object())
        .collect();
    assert_eq!(parts[0]["id"], calls[0]["id"]);
    let of = |index: u64| parts.iter().filter(move |part| part["index"] == index);
    let arguments: String = of(0)
        .filter_map(|part| part["function"]["arguments"].as_str())
        .collect();
    assert_eq!(arguments, ARGUMENTS);
    assert!(of(0).count() > 3, "{parts:?}");
    assert_eq!(of(1).next().unwrap()["id"], calls[1]["id"]);
    assert_eq!(
        chunks.last().unwrap()["choices"][0]["finish_reason"],
        "tool_calls"
    );
}

#[tokio::test]
async fn anthropic_calls_tools_whole_and_piece_by_piece() {
    let llm = script().start().await.unwrap();
    let answer = whole(Format::Anthropic, &llm).await;
    assert_eq!(answer["stop_reason"], "tool_use");
    let [weather, clock] = answer["content"].as_array().unwrap().as_slice() else {
        panic!("{answer}")
    };
    assert_eq!(
        (&weather["type"], &weather["input"]["city"]),
        (&json!("tool_use"), &json!("Paris"))
    );
    assert!(weather["id"].as_str().unwrap().starts_with("toolu_"));
    assert_eq!(clock["input"], json!({}));

    llm.set_script(script());
    let events = streamed(Format::Anthropic, &llm).await;
    let start = events.iter().find(|event| event["type"] == "content_block_start");
    assert_eq!(start.unwrap()["content_block"]["id"], weather["id"]);
    let arguments: String = events
        .iter()
        .filter(|event| event["index"] == 0)
        .filter_map(|event| event["delta"]["partial_json"].as_str())
        .collect();
    assert_eq!(arguments, ARGUMENTS);
    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], "tool_use");
}

#[tokio::test]
async fn gemini_calls_tools_in_one_piece_and_without_ids() {
    let llm = script().start().await.unwrap();
    let call = json!({ "functionCall": { "name": "weather", "args": { "city": "Paris", "days": 2 } } });
    let answer = whole(Format::Gemini, &llm).await;
    let candidate = &answer["candidates"][0];
    assert_eq!(
        (&candidate["finishReason"], &candidate["content"]["parts"][0]),
        (&json!("STOP"), &call)
    );
    llm.set_script(script());
    let events = streamed(Format::Gemini, &llm).await;
    assert_eq!(events[0]["candidates"][0]["content"]["parts"], json!([call]));
}

#[tokio::test]
async fn a_tool_that_the_request_has_not_is_not_called() {
    for format in Format::ALL {
        let llm = script().start().await.unwrap();
        let refused = format.send(&llm, false).await;
        assert_eq!(refused.status(), 400);
        assert!(refused.text().await.unwrap().contains("call weather"));
    }
}

#[tokio::test]
async fn what_a_tool_gave_is_repeated_and_must_answer_a_call() {
    let llm = Llm::scripted().start().await.unwrap();
    let conversations = [
        (
            Format::OpenAi,
            json!({ "messages": [
                { "role": "user", "content": "why?" },
                { "role": "assistant", "content": null, "tool_calls": [
                    { "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{}" } },
                ] },
                { "role": "tool", "tool_call_id": "c1", "content": "blue" },
            ] }),
            "/messages/2/tool_call_id",
        ),
        (
            Format::Anthropic,
            json!({ "messages": [
                { "role": "user", "content": "why?" },
                { "role": "assistant", "content": [{ "type": "tool_use", "id": "c1", "name": "look", "input": {} }] },
                { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "content": "blue" }] },
            ] }),
            "/messages/2/content/0/tool_use_id",
        ),
        (
            Format::Gemini,
            json!({ "contents": [
                { "role": "user", "parts": [{ "text": "why?" }] },
                { "role": "model", "parts": [{ "functionCall": { "name": "look", "args": {} } }] },
                { "role": "user", "parts": [{ "functionResponse": { "name": "look", "response": { "is": "blue" } } }] },
            ] }),
            "/contents/2/parts/0/functionResponse",
        ),
    ];
    for (format, mut fields, id) in conversations {
        let answer: Value = format
            .ask(&llm, false, fields.clone())
            .await
            .json()
            .await
            .unwrap();
        assert!(format.text(&answer).contains("blue"), "{answer}");
        *fields.pointer_mut(id).unwrap() = Value::Null;
        let refused = format.ask(&llm, false, fields).await;
        assert_eq!(refused.status(), 400, "{format:?}");
    }
}

#[tokio::test]
async fn tools_that_are_wrong_are_refused_in_the_providers_words() {
    let llm = Llm::scripted().start().await.unwrap();
    let cases = [
        (
            Format::OpenAi,
            json!({ "tools": [{ "type": "function" }] }),
            "tools[0].function.name",
        ),
        (
            Format::OpenAi,
            json!({ "tool_choice": "auto" }),
            "only allowed when 'tools'",
        ),
        (
            Format::Anthropic,
            json!({ "tools": [{ "name": "look" }] }),
            "input_schema.type",
        ),
        (Format::Anthropic, json!({ "seed": 1 }), "seed: Extra inputs"),
        (
            Format::Anthropic,
            json!({ "temperature": 1.5 }),
            "temperature: range: 0..1",
        ),
        (
            Format::Gemini,
            json!({ "tools": [{ "functionDeclarations": [{ "description": "nameless" }] }] }),
            "function_declarations[0].name",
        ),
        (
            Format::Gemini,
            json!({ "generationConfig": { "stopSequences": ["1", "2", "3", "4", "5", "6"] } }),
            "stop_sequences",
        ),
    ];
    for (format, fields, words) in cases {
        let refused = format.ask(&llm, false, fields).await;
        assert_eq!(refused.status(), 400);
        let text = refused.text().await.unwrap();
        assert!(text.contains(words), "{text}");
    }
}
