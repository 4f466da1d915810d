use serde_json::{Value, json};

use super::{super::call_id::CallId, *};
use crate::llm::{Format, Image, ImageSource, Message, Part, Sampling, ToolCall, Tools};

fn request(messages: Vec<Message>) -> Request {
    Request::new("google/gemini-3.5-flash".parse().unwrap(), messages)
}

fn question() -> Request {
    request(vec![Message::user("Why?")])
}

fn of_model(model: &str, request: Request) -> Request {
    Request {
        model: model.parse().unwrap(),
        ..request
    }
}

fn encoded(request: &Request) -> Value {
    serde_json::to_value(encode(request).unwrap()).unwrap()
}

fn config(request: &Request) -> Value {
    encoded(request)["generationConfig"].take()
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
        name: "get_current_temperature".to_owned(),
        arguments: arguments.to_owned(),
    }
}

fn called(calls: Vec<ToolCall>) -> Message {
    Message::Assistant {
        text: String::new(),
        tool_calls: calls,
    }
}

fn returned(id: &str, text: &str) -> Message {
    Message::Tool {
        call_id: id.to_owned(),
        text: text.to_owned(),
    }
}

fn image(source: ImageSource, detail: Option<&str>) -> Part {
    Part::Image(Image {
        source,
        detail: detail.map(str::to_owned),
    })
}

fn url(url: &str) -> ImageSource {
    ImageSource::Url(url.to_owned())
}

fn tool(strict: Option<bool>) -> Tool {
    Tool {
        name: "look".to_owned(),
        description: Some("Looks.".to_owned()),
        parameters: Some(json!({"type": "object", "properties": {}})),
        strict,
    }
}

#[test]
fn a_plain_question_is_a_turn_and_nothing_else() {
    let expected = json!({
        "contents": [{"role": "user", "parts": [{"text": "Why?"}]}],
        "generationConfig": {},
    });
    assert_eq!(encoded(&question()), expected);
}

#[test]
fn instructions_stand_apart_and_what_one_side_says_is_one_turn() {
    let messages = vec![
        Message::system("Be brief."),
        Message::user("Why?"),
        Message::system("Be kind."),
        Message::user("And how?"),
        Message::assistant("So."),
        Message::assistant(""),
        Message::user("Thanks."),
    ];
    insta::assert_json_snapshot!(encoded(&request(messages)));
}

/// Google's own example, but for the ids, which it leaves out.
#[test]
fn signatures_go_back_with_the_calls_that_they_came_with() {
    let signed = CallId {
        id: "call_r1_0",
        signature: Some("<Signature_A>".into()),
    };
    let messages = vec![
        Message::user("Check the weather in Paris and London."),
        called(vec![
            call(&signed.to_string(), r#"{"location": "Paris"}"#),
            call("call_r1_1", r#"{"location": "London"}"#),
        ]),
        returned(&signed.to_string(), r#"{"temp": "15C"}"#),
        returned("call_r1_1", r#"{"temp": "12C"}"#),
    ];
    let mut contents = encoded(&request(messages))["contents"].take();
    for (turn, kind) in [(1, "functionCall"), (2, "functionResponse")] {
        for part in [0, 1] {
            let id = contents[turn]["parts"][part][kind]
                .as_object_mut()
                .unwrap()
                .remove("id");
            assert_eq!(id, Some(json!(format!("call_r1_{part}"))));
        }
    }
    let expected: Value = serde_json::from_str(include_str!("../fixtures/parallel_results.json")).unwrap();
    assert_eq!(contents, expected);
}

#[test]
fn calls_that_another_model_made_are_marked_as_such_where_signatures_are_wanted() {
    let messages = vec![
        Message::user("Why?"),
        called(vec![call("toolu_1", "{}"), call("toolu_2", "")]),
        returned("toolu_1", "blue"),
        returned("toolu_2", "[1]"),
    ];
    let request = request(messages);
    insta::assert_json_snapshot!(encoded(&request)["contents"]);
    let older = encoded(&of_model("google/gemini-2.5-flash", request));
    assert!(older.to_string().contains("toolu_1") && !older.to_string().contains("thoughtSignature"));
}

#[test]
fn everything_that_gemini_has_is_passed_on() {
    let request = Request {
        max_output_tokens: Some(100),
        sampling: Sampling {
            temperature: Some(2.0),
            top_p: Some(0.5),
            seed: Some(7),
            frequency_penalty: Some(0.25),
            presence_penalty: Some(-0.5),
        },
        stop: vec!["END".to_owned()],
        tools: Tools {
            list: vec![tool(None)],
            choice: Some(ToolChoice::Named("look".to_owned())),
            parallel: Some(true),
        },
        format: Format::Schema {
            name: "said".to_owned(),
            description: None,
            schema: json!({"type": "object"}),
            strict: Some(true),
        },
        top_logprobs: Some(3),
        reasoning_effort: Some("minimal".to_owned()),
        ..question()
    };
    insta::assert_json_snapshot!(encoded(&request));
}

#[test]
fn a_choice_of_tools_is_said_in_geminis_words() {
    let choice = |choice, strict| {
        let request = Request {
            tools: Tools {
                list: vec![tool(strict)],
                choice,
                parallel: None,
            },
            ..question()
        };
        encoded(&request)["toolConfig"]["functionCallingConfig"]["mode"].take()
    };
    for (ours, strict, expected) in [
        (None, None, Value::Null),
        (Some(ToolChoice::Auto), None, json!("AUTO")),
        (Some(ToolChoice::None), Some(true), json!("NONE")),
        (Some(ToolChoice::Required), None, json!("ANY")),
        (None, Some(true), json!("VALIDATED")),
    ] {
        assert_eq!(choice(ours, strict), expected);
    }
}

#[test]
fn images_go_as_they_are_or_by_an_address_that_says_what_they_are() {
    let data = ImageSource::Data {
        media_type: "image/png".to_owned(),
        base64: "iVBO".to_owned(),
    };
    let parts = vec![
        image(data, Some("low")),
        image(url("https://example.org/a.JPG?size=2"), Some("low")),
    ];
    let body = encoded(&request(vec![Message::User(parts)]));
    let expected = json!([
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.org/a.JPG?size=2"}},
    ]);
    assert_eq!(body["contents"][0]["parts"], expected);
    assert_eq!(
        body["generationConfig"]["mediaResolution"],
        "MEDIA_RESOLUTION_LOW"
    );
}

#[test]
fn json_and_likelihoods_are_asked_for_without_more() {
    let request = Request {
        format: Format::Json,
        top_logprobs: Some(0),
        ..question()
    };
    let expected = json!({"responseMimeType": "application/json", "responseLogprobs": true});
    assert_eq!(config(&request), expected);
}

#[test]
fn efforts_are_levels_to_newer_models_and_budgets_to_older_ones() {
    let effort = |model: &str, effort: &str| {
        let request = Request {
            reasoning_effort: Some(effort.to_owned()),
            ..question()
        };
        config(&of_model(model, request))["thinkingConfig"].take()
    };
    for (name, budget) in [
        ("none", 0),
        ("minimal", 1_024),
        ("low", 1_024),
        ("medium", 8_192),
        ("high", 24_576),
    ] {
        let expected = json!({"thinkingBudget": budget});
        assert_eq!(effort("google/gemini-2.5-flash", name), expected);
    }
    for name in ["minimal", "low", "medium", "high"] {
        assert_eq!(
            effort("google/gemini-3.5-flash", name),
            json!({"thinkingLevel": name})
        );
    }
}

#[test]
fn what_gemini_has_not_is_refused_by_name() {
    let shown = |parts| request(vec![Message::User(parts)]);
    let cases = [
        (
            Request {
                tools: Tools {
                    list: vec![tool(None)],
                    choice: None,
                    parallel: Some(false),
                },
                ..question()
            },
            "parallel_tool_calls",
        ),
        (
            Request {
                stop: vec!["x".to_owned(); 6],
                ..question()
            },
            "stop",
        ),
        (
            Request {
                sampling: Sampling {
                    seed: Some(1 << 40),
                    ..Sampling::default()
                },
                ..question()
            },
            "seed",
        ),
        (
            Request {
                reasoning_effort: Some("none".to_owned()),
                ..question()
            },
            "reasoning_effort",
        ),
        (
            shown(vec![image(url("https://example.org/a"), None)]),
            "image_url",
        ),
        (
            shown(vec![
                image(url("https://example.org/a.png"), Some("low")),
                image(url("https://example.org/a.png"), None),
            ]),
            "detail",
        ),
        (request(vec![called(vec![call("a", "no object")])]), "tool_calls"),
        (request(vec![returned("a", "blue")]), "tool_call_id"),
    ];
    for (request, parameter) in cases {
        assert_eq!(refused(&request), parameter);
    }
}
