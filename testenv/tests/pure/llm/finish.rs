use serde_json::Value;
use ultra_testenv::{Llm, llm::Finish};

use super::client::{Format, events, json_of};

/// Why a whole answer ended.
fn reason(format: Format, answer: &Value) -> &Value {
    match format {
        Format::OpenAi => &answer["choices"][0]["finish_reason"],
        Format::Anthropic => &answer["stop_reason"],
        Format::Gemini => &answer["candidates"][0]["finishReason"],
    }
}

/// Why a stream ended.
fn last_reason(format: Format, events: &[Value]) -> Value {
    let found = events.iter().rev().map(|event| match format {
        Format::Anthropic => &event["delta"]["stop_reason"],
        _ => reason(format, event),
    });
    found
        .into_iter()
        .find(|reason| reason.is_string())
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn an_answer_ends_as_the_script_says_in_each_providers_word() {
    let cases = [
        (Finish::Complete, ["stop", "end_turn", "STOP"]),
        (Finish::Length, ["length", "max_tokens", "MAX_TOKENS"]),
        (Finish::Filtered, ["content_filter", "refusal", "SAFETY"]),
        (Finish::Named("odd".into()), ["odd"; 3]),
    ];
    for (finish, words) in cases {
        let script = || {
            Llm::scripted()
                .answer_ending("some", finish.clone())
                .answer_ending("some", finish.clone())
        };
        for (format, word) in Format::ALL.into_iter().zip(words) {
            let llm = script().start().await.unwrap();
            let answer: Value = format.send(&llm, false).await.json().await.unwrap();
            assert_eq!(
                (reason(format, &answer), format.text(&answer)),
                (&word.into(), "some")
            );
            let events = events(format.send(&llm, true).await).await;
            let data = events.iter().filter(|event| event.data != "[DONE]");
            let data: Vec<_> = data.map(json_of).collect();
            assert_eq!(last_reason(format, &data), word);
        }
    }
}

#[tokio::test]
async fn a_refused_question_gets_no_text() {
    for format in Format::ALL {
        let llm = Llm::scripted()
            .answer_ending("some", Finish::Refused)
            .start()
            .await
            .unwrap();
        let answer: Value = format.send(&llm, false).await.json().await.unwrap();
        match format {
            Format::OpenAi => {
                let message = &answer["choices"][0]["message"];
                assert!(
                    message["content"].is_null() && message["refusal"].is_string(),
                    "{answer}"
                );
            }
            Format::Anthropic => {
                assert_eq!(
                    (&answer["stop_reason"], &answer["content"][0]),
                    (&"refusal".into(), &Value::Null)
                );
            }
            Format::Gemini => {
                assert_eq!(answer["promptFeedback"]["blockReason"], "SAFETY");
                assert!(answer.get("candidates").is_none(), "{answer}");
            }
        }
    }
}
