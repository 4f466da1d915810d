//! How Anthropic answers.

use serde_json::{Value, json};

use super::super::{
    Finish,
    answer::{Answer, ToolCall},
};

pub(super) fn message(answer: &Answer) -> Value {
    let text = answer.text();
    let text = (!text.is_empty()).then(|| json!({ "type": "text", "text": text }));
    let calls = answer.calls.iter().map(|call| {
        // A script that writes no JSON means an empty object.
        let input = serde_json::from_str(&call.arguments()).unwrap_or_else(|_| json!({}));
        tool_use(call, &input)
    });
    envelope(
        answer,
        &text.into_iter().chain(calls).collect(),
        &stop_reason(answer).into(),
        answer.output_tokens,
    )
}

pub(super) fn events(answer: &Answer) -> Vec<Value> {
    let start = envelope(answer, &json!([]), &Value::Null, 1);
    let mut events = vec![json!({ "type": "message_start", "message": start })];
    if !answer.pieces.is_empty() {
        let pieces = answer.pieces.iter();
        let deltas = pieces.map(|piece| json!({ "type": "text_delta", "text": piece }));
        events.extend(block(0, &json!({ "type": "text", "text": "" }), deltas));
    }
    let before = usize::from(!answer.pieces.is_empty());
    for (index, call) in answer.calls.iter().enumerate() {
        let pieces = ["".to_owned()].into_iter().chain(call.arguments.iter().cloned());
        let deltas = pieces.map(|piece| json!({ "type": "input_json_delta", "partial_json": piece }));
        events.extend(block(before + index, &tool_use(call, &json!({})), deltas));
    }
    let end = [
        json!({
            "type": "message_delta",
            "delta": { "stop_reason": stop_reason(answer), "stop_sequence": null },
            "usage": { "output_tokens": answer.output_tokens },
        }),
        json!({ "type": "message_stop" }),
    ];
    events.extend(end);
    events
}

/// One part of the content: its beginning, a sign of life, its pieces, its end.
fn block(index: usize, begin: &Value, deltas: impl Iterator<Item = Value>) -> Vec<Value> {
    let before = [
        json!({ "type": "content_block_start", "index": index, "content_block": begin }),
        json!({ "type": "ping" }),
    ];
    let deltas = deltas.map(|delta| json!({ "type": "content_block_delta", "index": index, "delta": delta }));
    let after = [json!({ "type": "content_block_stop", "index": index })];
    before.into_iter().chain(deltas).chain(after).collect()
}

fn tool_use(call: &ToolCall, input: &Value) -> Value {
    json!({ "type": "tool_use", "id": format!("toolu_{}", call.id), "name": call.name, "input": input })
}

fn envelope(answer: &Answer, content: &Value, stop_reason: &Value, output_tokens: usize) -> Value {
    json!({
        "id": format!("msg_{}", answer.id),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": {
            "input_tokens": answer.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output_tokens,
            "service_tier": "standard",
        },
    })
}

fn stop_reason(answer: &Answer) -> &str {
    match &answer.finish {
        Finish::Complete => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Filtered | Finish::Refused => "refusal",
        Finish::Named(name) => name,
    }
}
