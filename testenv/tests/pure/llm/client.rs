//! A client that shows what is on the wire.

use std::sync::Once;

use eventsource_stream::{Event, Eventsource as _};
use futures::StreamExt as _;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use ultra_testenv::Llm;

pub(crate) const QUESTION: &str = "Why is the sky blue?";

/// The three wire formats, for what must hold in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    OpenAi,
    Anthropic,
    Gemini,
}

impl Format {
    pub(crate) const ALL: [Self; 3] = [Self::OpenAi, Self::Anthropic, Self::Gemini];

    /// A valid request for an answer to [`QUESTION`].
    pub(crate) fn request(self, llm: &Llm, model: &str, stream: bool) -> RequestBuilder {
        let messages = json!([{ "role": "user", "content": QUESTION }]);
        match self {
            Self::OpenAi => http()
                .post(format!("{}/chat/completions", llm.openai_base_url()))
                .bearer_auth("sk-test")
                .json(&json!({ "model": model, "messages": messages, "stream": stream })),
            Self::Anthropic => http()
                .post(format!("{}/v1/messages", llm.anthropic_base_url()))
                .header("x-api-key", "sk-ant-test")
                .header("anthropic-version", "2023-06-01")
                .json(&json!({ "model": model, "messages": messages, "stream": stream, "max_tokens": 100 })),
            Self::Gemini => {
                let method = if stream {
                    "streamGenerateContent?alt=sse"
                } else {
                    "generateContent"
                };
                http()
                    .post(format!(
                        "{}/v1beta/models/{model}:{method}",
                        llm.gemini_base_url()
                    ))
                    .header("x-goog-api-key", "test")
                    .json(&json!({ "contents": [{ "role": "user", "parts": [{ "text": QUESTION }] }] }))
            }
        }
    }

    /// A request with these fields beside the conversation, and the question "json why?".
    pub(crate) async fn ask(self, llm: &Llm, stream: bool, fields: Value) -> Response {
        let question = "json why?";
        let mut body = match self {
            Self::Gemini => json!({ "contents": [{ "role": "user", "parts": [{ "text": question }] }] }),
            _ => {
                json!({ "model": "m", "max_tokens": 100, "messages": [{ "role": "user", "content": question }] })
            }
        };
        if self != Self::Gemini {
            body["stream"] = stream.into();
        }
        let Value::Object(fields) = fields else {
            panic!("{fields}")
        };
        body.as_object_mut().unwrap().extend(fields);
        self.request(llm, "m", stream).json(&body).send().await.unwrap()
    }

    pub(crate) async fn send(self, llm: &Llm, stream: bool) -> Response {
        self.request(llm, "m", stream).send().await.unwrap()
    }

    /// The text of a whole answer.
    pub(crate) fn text(self, message: &Value) -> &str {
        let text = match self {
            Self::OpenAi => &message["choices"][0]["message"]["content"],
            Self::Anthropic => &message["content"][0]["text"],
            Self::Gemini => &message["candidates"][0]["content"]["parts"][0]["text"],
        };
        text.as_str().unwrap_or_else(|| panic!("no text in {message}"))
    }
}

pub(crate) fn http() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap();
    });
    // Without certificates, which take longer to read than all requests of a test.
    Client::builder().tls_certs_only([]).build().unwrap()
}

/// All events of a stream, parsed by the rules of the WHATWG.
pub(crate) async fn events(response: Response) -> Vec<Event> {
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    response
        .bytes_stream()
        .eventsource()
        .map(|event| event.unwrap())
        .collect()
        .await
}

pub(crate) fn json_of(event: &Event) -> Value {
    serde_json::from_str(&event.data).unwrap_or_else(|error| panic!("{error}: {event:?}"))
}
