use serde_json::json;

use super::*;
use crate::llm::{Assembly, Completion, events::Reader as _};

fn read(events: &[Value]) -> Result<Vec<Delta>, Error> {
    let mut reader = Reader::default();
    let mut deltas = Vec::new();
    for event in events {
        deltas.extend(reader.read(event.to_string().as_bytes())?.unwrap());
    }
    deltas.push(reader.end(domain::Usage::default)?);
    Ok(deltas)
}

fn completion(events: &[Value]) -> Completion {
    let mut assembly = Assembly::default();
    let deltas = read(events).unwrap();
    let mut whole = deltas
        .into_iter()
        .filter_map(|delta| assembly.take(delta).unwrap());
    whole.next().unwrap()
}

/// An event with a candidate of Google's own examples.
fn fixture(candidate: &str) -> Value {
    let candidate: Value = serde_json::from_str(candidate).unwrap();
    json!({"candidates": [candidate], "responseId": "r1"})
}

fn text(text: &str) -> Value {
    json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]})
}

fn end(reason: &str) -> Value {
    json!({
        "candidates": [{"finishReason": reason}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 20,
            "totalTokenCount": 30},
    })
}

#[test]
fn googles_own_examples_are_read() {
    let calls = [
        fixture(include_str!("../fixtures/parallel_calls.json")),
        end("STOP"),
    ];
    insta::assert_debug_snapshot!("parallel_calls", read(&calls));
    let signed = [fixture(include_str!("../fixtures/signed_text.json")), end("STOP")];
    insta::assert_debug_snapshot!("signed_text", read(&signed));
}

#[test]
fn pieces_make_up_the_text_and_thoughts_are_kept_apart_and_counted() {
    let thought = json!({"candidates": [{"content": {"parts": [{"text": "Hm.", "thought": true}]}}]});
    let completion = completion(&[thought, text("Be"), text("cause."), text(""), end("STOP")]);
    assert_eq!(
        (completion.text.as_str(), completion.finish),
        ("Because.", FinishReason::Stop)
    );
    let usage = domain::Usage {
        input_tokens: 7,
        output_tokens: 23,
    };
    assert_eq!(completion.usage, usage);
}

#[test]
fn calls_have_ids_of_their_own_where_gemini_gives_none() {
    let call = |id: Value| json!({"candidates": [{"content": {"parts": [{"functionCall": id}]}}], "responseId": "r1"});
    let events = [
        call(json!({"name": "look", "args": {"at": "sky"}})),
        call(json!({"name": "look", "id": "given"})),
        end("STOP"),
    ];
    let completion = completion(&events);
    let calls: Vec<_> = completion
        .tool_calls
        .iter()
        .map(|call| call.id.as_str())
        .collect();
    assert_eq!(
        (calls, completion.finish),
        (vec!["call_r1_0", "given"], FinishReason::ToolCalls)
    );
    assert_eq!(completion.tool_calls[0].arguments, r#"{"at":"sky"}"#);
    assert_eq!(completion.tool_calls[1].arguments, "{}");
}

#[test]
fn every_reason_of_an_end_is_one_of_ours_or_an_error() {
    for (reason, expected) in [
        ("STOP", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("SAFETY", FinishReason::ContentFilter),
        ("RECITATION", FinishReason::ContentFilter),
        ("BLOCKLIST", FinishReason::ContentFilter),
        ("PROHIBITED_CONTENT", FinishReason::ContentFilter),
        ("SPII", FinishReason::ContentFilter),
    ] {
        assert_eq!(completion(&[text("a"), end(reason)]).finish, expected);
    }
    for reason in ["MALFORMED_FUNCTION_CALL", "OTHER"] {
        let error = read(&[end(reason)]).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_prompt_that_is_blocked_is_an_answer_that_was_held_back() {
    let blocked =
        json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}});
    let completion = completion(&[blocked]);
    assert_eq!(
        (completion.text.as_str(), completion.finish),
        ("", FinishReason::ContentFilter)
    );
    assert_eq!(completion.usage.input_tokens, 4);
}

#[test]
fn likelihoods_are_told_as_openai_does() {
    let event = json!({"candidates": [{
        "content": {"parts": [{"text": "é"}]},
        "logprobsResult": {
            "topCandidates": [{"candidates": [
                {"token": "é", "logProbability": -0.1}, {"token": "e", "logProbability": -2.5}]}],
            "chosenCandidates": [{"token": "é", "tokenId": 3, "logProbability": -0.1}],
        },
    }]});
    let expected = json!([{"token": "é", "logprob": -0.1, "bytes": [195, 169], "top_logprobs": [
        {"token": "é", "logprob": -0.1, "bytes": [195, 169]}, {"token": "e", "logprob": -2.5, "bytes": [101]}]}]);
    assert_eq!(Value::Array(completion(&[event, end("STOP")]).logprobs), expected);
}

#[test]
fn an_error_within_the_stream_is_what_its_code_says() {
    let error = |code: u16, details: Value| {
        let event = json!({"error": {"code": code, "message": "no", "status": "X", "details": details}});
        read(&[text("a"), event]).unwrap_err()
    };
    let retry = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}]);
    let retry_after = Some(std::time::Duration::from_millis(1_500));
    assert_eq!(error(429, retry), Error::RateLimited { retry_after });
    assert!(error(503, json!([])).is_transient());
    let wrong_key = json!([{"reason": "API_KEY_INVALID"}]);
    assert_eq!(error(400, wrong_key), Error::Unauthorized { status: 400 });
    let refused = Error::Refused {
        status: 400,
        message: "no".to_owned(),
    };
    assert_eq!(error(400, json!([])), refused);
}

#[test]
fn a_stream_that_ends_without_a_reason_is_incomplete_and_noise_is_told() {
    assert_eq!(read(&[text("a")]), Err(Error::Incomplete));
    let mut reader = Reader::default();
    assert!(matches!(
        reader.read(br#"{"candidates": ["#),
        Err(Error::Malformed(_))
    ));
}
