//! The client of Rust programs, in the test's own process.

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    types::chat::{
        ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
        ChatCompletionStreamOptions, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
        FinishReason,
    },
};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::WRONG_KEY;
use crate::harness::{QUESTION, json_of};

fn client(base_url: &str, key: &str) -> Client<OpenAIConfig> {
    Client::with_config(OpenAIConfig::new().with_api_base(base_url).with_api_key(key))
}

fn request(model: &str) -> CreateChatCompletionRequest {
    let messages: [ChatCompletionRequestMessage; 2] = [
        ChatCompletionRequestSystemMessage::from("Be brief.").into(),
        ChatCompletionRequestUserMessage::from(QUESTION).into(),
    ];
    CreateChatCompletionRequestArgs::default()
        .model(model)
        .messages(messages)
        .build()
        .unwrap()
}

async fn failure(client: &Client<OpenAIConfig>, model: &str) -> u16 {
    match client.chat().create(request(model)).await.unwrap_err() {
        OpenAIError::ApiError(error) => error.status_code.as_u16(),
        other => panic!("{other}"),
    }
}

/// Does what the other clients' programs do, and tells the same.
pub(super) async fn run(base_url: &str, key: &str) -> Value {
    let client = client(base_url, key);
    let whole = client.chat().create(request("ultra")).await.unwrap();

    let mut streaming = request("mock/analyst");
    streaming.stream_options = Some(ChatCompletionStreamOptions {
        include_usage: Some(true),
        include_obfuscation: None,
    });
    let stream = client.chat().create_stream(streaming).await.unwrap();
    let chunks: Vec<_> = stream.map(Result::unwrap).collect().await;
    let streamed: String = chunks
        .iter()
        .flat_map(|chunk| &chunk.choices)
        .filter_map(|choice| choice.delta.content.as_deref())
        .collect();

    let mut left = client.chat().create_stream(request("mock/slow")).await.unwrap();
    let mut said = String::new();
    while said.is_empty() {
        let chunk = left.next().await.unwrap().unwrap();
        said.extend(chunk.choices[0].delta.content.clone());
    }
    drop(left);

    let models = client.models().list().await.unwrap();
    let [choice] = &whole.choices[..] else {
        panic!("{whole:?}")
    };
    json!({
        "whole": choice.message.content,
        "finish": choice.finish_reason,
        "whole_tokens": whole.usage.unwrap().total_tokens,
        "streamed": streamed,
        "streamed_tokens": chunks.last().unwrap().usage.as_ref().unwrap().total_tokens,
        "models": models.data.iter().map(|model| &model.id).collect::<Vec<_>>(),
        "model": client.models().retrieve("ultra").await.unwrap().id,
        "missing": failure(&client, "nobody").await,
        "locked_out": failure(&self::client(base_url, WRONG_KEY), "ultra").await,
    })
}

/// The same, of tools and JSON.
pub(super) async fn use_tools(base_url: &str, model: &str) -> Value {
    let client = client(base_url, "any");
    let question = json!({"role": "user", "content": "How warm is it in Oslo?"});
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": schema}});
    let request = |messages: &[&Value], rest: Value| {
        let mut request = json!({"model": model, "messages": messages});
        let rest = rest.as_object().unwrap().clone();
        request.as_object_mut().unwrap().extend(rest);
        serde_json::from_value::<CreateChatCompletionRequest>(request).unwrap()
    };
    let with_tool = |messages: &[&Value]| request(messages, json!({"tools": [tool]}));

    let asked = client.chat().create(with_tool(&[&question])).await.unwrap();
    assert_eq!(asked.choices[0].finish_reason, Some(FinishReason::ToolCalls));
    let asked = serde_json::to_value(&asked.choices[0].message).unwrap();
    let call = &asked["tool_calls"][0];
    let result = json!({"role": "tool", "tool_call_id": call["id"], "content": "7 degrees"});
    let messages = with_tool(&[&question, &asked, &result]);
    let told = client.chat().create(messages).await.unwrap();

    let stream = client
        .chat()
        .create_stream(with_tool(&[&question]))
        .await
        .unwrap();
    let (mut name, mut arguments) = (String::new(), String::new());
    for chunk in stream.map(Result::unwrap).collect::<Vec<_>>().await {
        let calls = chunk
            .choices
            .into_iter()
            .filter_map(|choice| choice.delta.tool_calls);
        for function in calls.flatten().filter_map(|call| call.function) {
            name.extend(function.name);
            arguments.extend(function.arguments);
        }
    }

    let format = json!({"type": "json_schema", "json_schema": {"name": "weather", "schema": schema}});
    let formatted = request(&[&question], json!({"response_format": format}));
    let parsed = client.chat().create(formatted).await.unwrap();

    let mut left = client
        .chat()
        .create_stream(request(&[&question], json!({})))
        .await
        .unwrap();
    left.next().await.unwrap().unwrap();
    drop(left);

    let function = &call["function"];
    json!({
        "called": [function["name"], json_of(function["arguments"].as_str().unwrap())],
        "told": told.choices[0].message.content,
        "streamed": [name, json_of(&arguments)],
        "parsed": json_of(parsed.choices[0].message.content.as_ref().unwrap()),
    })
}
