//! The client of Rust programs, in the test's own process.

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    types::chat::{
        ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
        ChatCompletionStreamOptions, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
    },
};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::WRONG_KEY;
use crate::harness::QUESTION;

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
