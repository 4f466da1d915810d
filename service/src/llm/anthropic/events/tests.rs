use serde_json::{Value, json};

use super::*;
use crate::llm::{Assembly, events::Reader as _};

/// Reads the data of all events, as far as it goes.
fn read(events: &[Value]) -> Result<Vec<Delta>, Error> {
    let mut reader = Reader::default();
    let mut deltas = Vec::new();
    for event in events {
        match reader.read(event.to_string().as_bytes())? {
            Some(more) => deltas.extend(more),
            None => deltas.push(reader.end(domain::Usage::default)?),
        }
    }
    Ok(deltas)
}

fn fixture(text: &str) -> Result<Vec<Delta>, Error> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<_> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    read(&events)
}

fn start(usage: &Value) -> Value {
    json!({"type": "message_start", "message": {"usage": usage}})
}

fn end(reason: &str, usage: &Value) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}),
        json!({"type": "message_stop"}),
    ]
}

#[test]
fn anthropics_own_examples_are_read() {
    insta::assert_debug_snapshot!("text", fixture(include_str!("../fixtures/text.sse")));
    insta::assert_debug_snapshot!("tool_use", fixture(include_str!("../fixtures/tool_use.sse")));
    insta::assert_debug_snapshot!("thinking", fixture(include_str!("../fixtures/thinking.sse")));
    insta::assert_debug_snapshot!("web_search", fixture(include_str!("../fixtures/web_search.sse")));
    insta::assert_debug_snapshot!("overloaded", fixture(include_str!("../fixtures/overloaded.sse")));
}

#[test]
fn the_pieces_of_a_call_make_up_its_arguments() {
    let mut assembly = Assembly::default();
    let deltas = fixture(include_str!("../fixtures/tool_use.sse")).unwrap();
    let mut whole = deltas
        .into_iter()
        .filter_map(|delta| assembly.take(delta).unwrap());
    let completion = whole.next().unwrap();
    let arguments: Value = serde_json::from_str(&completion.tool_calls[0].arguments).unwrap();
    assert_eq!(
        arguments,
        json!({"location": "San Francisco, CA", "unit": "fahrenheit"})
    );
}

#[test]
fn a_tool_that_takes_nothing_is_called_with_an_empty_object() {
    let call = json!({"type": "content_block_start", "content_block":
        {"type": "tool_use", "id": "t", "name": "clock", "input": {}}});
    let piece =
        json!({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": ""}});
    let stop = json!({"type": "content_block_stop"});
    let deltas = read(&[call, piece, stop]).unwrap();
    let Delta::ToolCall(last) = deltas.last().unwrap() else {
        panic!("{deltas:?}")
    };
    assert_eq!((deltas.len(), last.arguments.as_str()), (2, "{}"));
}

#[test]
fn what_went_through_the_cache_counts_as_input_and_the_latest_figures_count() {
    let cached = json!({"input_tokens": 5, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100,
        "output_tokens": 1});
    let events = [start(&cached)]
        .into_iter()
        .chain(end("end_turn", &json!({"output_tokens": 9})));
    let deltas = read(&events.collect::<Vec<_>>()).unwrap();
    let usage = domain::Usage {
        input_tokens: 125,
        output_tokens: 9,
    };
    let finish = FinishReason::Stop;
    assert_eq!(deltas, [Delta::End { finish, usage }]);
}

#[test]
fn every_reason_of_an_end_is_one_of_ours() {
    for (reason, expected) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("pause_turn", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("refusal", FinishReason::ContentFilter),
        ("something_new", FinishReason::Stop),
    ] {
        let deltas = read(&end(reason, &json!({}))).unwrap();
        assert!(
            matches!(deltas[..], [Delta::End { finish, .. }] if finish == expected),
            "{deltas:?}"
        );
    }
}

#[test]
fn an_error_within_the_stream_is_what_its_kind_says() {
    let error = |kind: &str| {
        let event = json!({"type": "error", "error": {"type": kind, "message": "no"}});
        read(&[start(&json!({})), event]).unwrap_err()
    };
    let refused = |status| Error::Refused {
        status,
        message: "no".to_owned(),
    };
    for (kind, expected) in [
        ("invalid_request_error", refused(400)),
        ("not_found_error", refused(404)),
        ("request_too_large", refused(413)),
        ("authentication_error", Error::Unauthorized { status: 401 }),
        ("permission_error", Error::Unauthorized { status: 403 }),
        ("rate_limit_error", Error::RateLimited { retry_after: None }),
        ("api_error", Error::unavailable("it broke off its answer: no")),
        (
            "overloaded_error",
            Error::unavailable("it broke off its answer: no"),
        ),
    ] {
        assert_eq!(error(kind), expected);
    }
}

#[test]
fn an_end_without_a_reason_is_none_and_noise_is_told() {
    assert_eq!(read(&[json!({"type": "message_stop"})]), Err(Error::Incomplete));
    assert_eq!(read(&[json!({"type": "something_new", "of": 1})]), Ok(vec![]));
    let mut reader = Reader::default();
    assert!(matches!(
        reader.read(br#"{"type": "mess"#),
        Err(Error::Malformed(_))
    ));
}
