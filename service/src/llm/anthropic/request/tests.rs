use serde_json::{Value, json};

use super::*;
use crate::llm::{Image, ImageSource, Message, Part, Sampling, ToolCall, Tools};

fn request(messages: Vec<Message>) -> Request {
    Request::new("anthropic/claude-opus-5-5".parse().unwrap(), messages)
}

fn question() -> Request {
    request(vec![Message::user("Why?")])
}

fn encoded(request: &Request) -> Value {
    serde_json::to_value(encode(request).unwrap()).unwrap()
}

fn refused(request: &Request) -> &'static str {
    match encode(request) {
        Err(Error::Unsupported { parameter, .. }) => parameter,
        other => panic!("{other:?}"),
    }
}

fn call(id: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: "look".to_owned(),
        arguments: arguments.to_owned(),
    }
}

fn returned(id: &str, text: &str) -> Message {
    Message::Tool {
        call_id: id.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn a_plain_question_has_a_bound_although_nobody_gave_one() {
    let expected = json!({
        "model": "claude-opus-5-5",
        "max_tokens": 16_384,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}],
        "stream": true,
    });
    assert_eq!(encoded(&question()), expected);
}

#[test]
fn instructions_stand_apart_and_what_one_side_says_is_one_turn() {
    let calls = Message::Assistant {
        text: String::new(),
        tool_calls: vec![call("a", r#"{"at": "sky"}"#), call("b", "")],
    };
    let messages = vec![
        Message::system("Be brief."),
        Message::user("Why?"),
        Message::user(""),
        Message::system("Be kind."),
        calls,
        returned("a", "blue"),
        returned("b", "far"),
        Message::user("And?"),
        Message::assistant("So."),
        Message::assistant(""),
    ];
    insta::assert_json_snapshot!(encoded(&request(messages)));
}

#[test]
fn images_go_by_address_or_as_they_are() {
    let image = |source| {
        Part::Image(Image {
            source,
            detail: Some("high".to_owned()),
        })
    };
    let data = ImageSource::Data {
        media_type: "image/png".to_owned(),
        base64: "iVBO".to_owned(),
    };
    let url = ImageSource::Url("https://example.org/a".to_owned());
    let parts = vec![image(data), image(url), Part::Text("What is it?".to_owned())];
    let body = encoded(&request(vec![Message::User(parts)]));
    insta::assert_json_snapshot!(body["messages"]);
}

#[test]
fn everything_that_anthropic_has_is_passed_on() {
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let request = Request {
        max_output_tokens: Some(100),
        sampling: Sampling {
            temperature: Some(1.0),
            top_p: Some(0.5),
            frequency_penalty: Some(0.0),
            ..Sampling::default()
        },
        stop: vec!["END".to_owned()],
        tools: Tools {
            list: vec![
                Tool {
                    name: "look".to_owned(),
                    description: Some("Looks.".to_owned()),
                    parameters: Some(schema.clone()),
                    strict: Some(true),
                },
                Tool {
                    name: "clock".to_owned(),
                    description: None,
                    parameters: None,
                    strict: Some(false),
                },
            ],
            choice: Some(ToolChoice::Required),
            parallel: Some(false),
        },
        format: Format::Schema {
            name: "said".to_owned(),
            description: None,
            schema,
            strict: Some(true),
        },
        reasoning_effort: Some("minimal".to_owned()),
        ..question()
    };
    insta::assert_json_snapshot!(encoded(&request));
}

#[test]
fn a_choice_of_tools_is_said_in_anthropics_words() {
    let tool = Tool {
        name: "look".to_owned(),
        description: None,
        parameters: None,
        strict: None,
    };
    let choice = |choice, parallel| {
        let request = Request {
            tools: Tools {
                list: vec![tool.clone()],
                choice,
                parallel,
            },
            ..question()
        };
        encoded(&request)["tool_choice"].take()
    };
    let one = "disable_parallel_tool_use";
    for (ours, parallel, expected) in [
        (None, None, Value::Null),
        (None, Some(true), Value::Null),
        (None, Some(false), json!({"type": "auto", one: true})),
        (Some(ToolChoice::Auto), None, json!({"type": "auto"})),
        (
            Some(ToolChoice::Required),
            Some(false),
            json!({"type": "any", one: true}),
        ),
        (
            Some(ToolChoice::Named("look".to_owned())),
            None,
            json!({"type": "tool", "name": "look"}),
        ),
        (Some(ToolChoice::None), Some(false), json!({"type": "none"})),
    ] {
        assert_eq!(choice(ours, parallel), expected);
    }
}

#[test]
fn what_anthropic_has_not_is_refused_by_name() {
    let sampled = |sampling| Request {
        sampling,
        ..question()
    };
    let sampling = Sampling::default;
    let low = Part::Image(Image {
        source: ImageSource::Url("https://example.org/a.png".to_owned()),
        detail: Some("low".to_owned()),
    });
    let no_json = Message::Assistant {
        text: String::new(),
        tool_calls: vec![call("a", "[1]")],
    };
    let cases = [
        (
            sampled(Sampling {
                seed: Some(7),
                ..sampling()
            }),
            "seed",
        ),
        (
            sampled(Sampling {
                temperature: Some(1.1),
                ..sampling()
            }),
            "temperature",
        ),
        (
            sampled(Sampling {
                frequency_penalty: Some(0.1),
                ..sampling()
            }),
            "frequency_penalty",
        ),
        (
            sampled(Sampling {
                presence_penalty: Some(-0.1),
                ..sampling()
            }),
            "presence_penalty",
        ),
        (
            Request {
                top_logprobs: Some(0),
                ..question()
            },
            "logprobs",
        ),
        (
            Request {
                format: Format::Json,
                ..question()
            },
            "response_format",
        ),
        (
            Request {
                reasoning_effort: Some("none".to_owned()),
                ..question()
            },
            "reasoning_effort",
        ),
        (request(vec![Message::User(vec![low])]), "detail"),
        (request(vec![no_json]), "tool_calls"),
    ];
    for (request, parameter) in cases {
        assert_eq!(refused(&request), parameter);
    }
}
