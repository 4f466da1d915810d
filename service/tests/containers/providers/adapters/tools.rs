use serde_json::{Value, json};
use ultra_service::llm::{
    Completion, Error, FinishReason, Message, Request, Tool, ToolChoice, Tools, complete,
};
use ultra_testenv::{Llm, llm::Finish};

use super::{Language, QUESTION, question};

fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        description: Some("Tells.".to_owned()),
        parameters: Some(json!({"type": "object", "properties": {"city": {"type": "string"}}})),
        strict: None,
    }
}

fn with_tools() -> Request {
    Request {
        tools: Tools {
            list: vec![tool("weather"), tool("clock")],
            choice: Some(ToolChoice::Auto),
            parallel: None,
        },
        ..question()
    }
}

/// The conversation with the calls, and with what each tool returned.
fn answered(completion: Completion, returned: &[&str]) -> Request {
    let results = completion.tool_calls.iter().zip(returned);
    let results: Vec<_> = results
        .map(|(call, text)| Message::Tool {
            call_id: call.id.clone(),
            text: (*text).to_owned(),
        })
        .collect();
    let called = Message::Assistant {
        text: completion.text,
        tool_calls: completion.tool_calls,
    };
    let mut request = with_tools();
    request.messages.push(called);
    request.messages.extend(results);
    request
}

#[tokio::test]
async fn tools_are_called_and_what_they_return_is_read() {
    for language in Language::ALL {
        let llm = Llm::scripted()
            .call_tools([("weather", r#"{"city": "Paris"}"#), ("clock", "{}")])
            .start()
            .await
            .unwrap();
        let provider = language.of(&llm);
        let called = complete(&provider, with_tools()).await.unwrap();
        assert_eq!(
            (called.text.as_str(), called.finish),
            ("", FinishReason::ToolCalls)
        );
        let [weather, clock] = &called.tool_calls[..] else {
            panic!("{called:?}")
        };
        assert_eq!((weather.name.as_str(), clock.name.as_str()), ("weather", "clock"));
        let arguments: Value = serde_json::from_str(&weather.arguments).unwrap();
        assert_eq!(
            (arguments, clock.arguments.as_str()),
            (json!({"city": "Paris"}), "{}")
        );
        assert_ne!(weather.id, clock.id);

        let request = answered(called, &["Rain.", r#"{"time": "noon"}"#]);
        let answer = complete(&provider, request).await.unwrap();
        assert!(
            answer.text.contains("Rain.") && answer.text.contains("noon"),
            "{}",
            answer.text
        );
        assert_eq!(answer.finish, FinishReason::Stop);
    }
}

#[tokio::test]
async fn a_choice_of_no_tool_reaches_the_provider() {
    for language in Language::ALL {
        let llm = Llm::scripted().call_tool("weather", "{}").start().await.unwrap();
        let mut request = with_tools();
        request.tools.choice = Some(ToolChoice::None);
        let provider = language.of(&llm);
        let refused = complete(&provider, request.clone()).await.unwrap_err();
        assert!(
            matches!(&refused, Error::Refused { status: 400, message } if message.contains("call weather")),
            "{refused}"
        );
        let answer = complete(&provider, request).await.unwrap();
        assert!(answer.text.contains(QUESTION));
    }
}

#[tokio::test]
async fn a_call_that_gemini_could_not_write_is_an_error() {
    let llm = Llm::scripted()
        .answer_ending("", Finish::Named("MALFORMED_FUNCTION_CALL".to_owned()))
        .start()
        .await
        .unwrap();
    let error = complete(&Language::Gemini.of(&llm), with_tools())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("MALFORMED_FUNCTION_CALL"), "{error}");
    assert!(error.is_transient());
}
