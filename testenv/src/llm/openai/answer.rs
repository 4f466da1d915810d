//! How OpenAI answers.

use serde_json::{Value, json};

use super::super::{Finish, answer::Answer};

/// Fixed, so that equal requests have equal answers.
pub(super) const CREATED: u64 = 1_750_000_000;

pub(super) fn message(answer: &Answer) -> Value {
    let text = match answer.finish {
        Finish::ToolCalls | Finish::Refused => Value::Null,
        _ => answer.text().into(),
    };
    let mut message = json!({
        "role": "assistant",
        "content": text,
        "refusal": (answer.finish == Finish::Refused).then_some(REFUSAL),
        "annotations": [],
    });
    if !answer.calls.is_empty() {
        let calls = answer.calls.iter().map(|call| {
            json!({
                "id": format!("call_{}", call.id),
                "type": "function",
                "function": { "name": call.name, "arguments": call.arguments() },
            })
        });
        message["tool_calls"] = calls.collect();
    }
    json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.model,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": logprobs(answer, &answer.pieces),
            "finish_reason": finish_reason(answer),
        }],
        "usage": usage(answer),
        "service_tier": "default",
    })
}

const REFUSAL: &str = "I'm sorry, I cannot assist with that request.";

pub(super) fn chunks(answer: &Answer) -> Vec<Value> {
    let content = if answer.calls.is_empty() {
        json!("")
    } else {
        Value::Null
    };
    let first = json!({ "role": "assistant", "content": content, "refusal": null });
    let refusal = (answer.finish == Finish::Refused).then(|| json!({ "refusal": REFUSAL }));
    let pieces = answer.pieces.iter().map(|piece| {
        let logprobs = logprobs(answer, std::slice::from_ref(piece));
        (json!({ "content": piece }), logprobs)
    });
    let others = [first].into_iter().chain(refusal);
    let mut choices: Vec<_> = others
        .map(|delta| (delta, Value::Null))
        .chain(pieces)
        .chain(calls(answer).map(|delta| (delta, Value::Null)))
        .map(|(delta, logprobs)| choice(&delta, &logprobs, &Value::Null))
        .collect();
    choices.push(choice(&json!({}), &Value::Null, &finish_reason(answer).into()));
    let mut chunks: Vec<_> = choices
        .iter()
        .map(|choice| chunk(answer, &json!([choice]), &Value::Null))
        .collect();
    if answer.stream_usage {
        chunks.push(chunk(answer, &json!([]), &usage(answer)));
    }
    chunks
}

/// The name of each tool, and then its arguments piece by piece.
fn calls(answer: &Answer) -> impl Iterator<Item = Value> {
    answer.calls.iter().enumerate().flat_map(|(index, call)| {
        let begin = json!({
            "index": index,
            "id": format!("call_{}", call.id),
            "type": "function",
            "function": { "name": call.name, "arguments": "" },
        });
        let pieces = call.arguments.iter();
        let pieces = pieces.map(move |piece| json!({ "index": index, "function": { "arguments": piece } }));
        [begin]
            .into_iter()
            .chain(pieces)
            .map(|call| json!({ "tool_calls": [call] }))
    })
}

fn choice(delta: &Value, logprobs: &Value, finish_reason: &Value) -> Value {
    json!({ "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason })
}

/// The first piece of two is as likely as the second; what it could have been instead is less so.
fn logprobs(answer: &Answer, pieces: &[String]) -> Value {
    let Some(others) = answer.logprobs else {
        return Value::Null;
    };
    let entry =
        |token: &str, logprob: f64| json!({ "token": token, "logprob": logprob, "bytes": token.as_bytes() });
    let content = pieces.iter().map(|piece| {
        let mut chosen = entry(piece, -0.5);
        let alternatives = (1..others).map(|rank| entry(&format!("other{rank}"), -0.5 - rank as f64));
        let top = [entry(piece, -0.5)].into_iter().chain(alternatives);
        chosen["top_logprobs"] = top.take(others).collect();
        chosen
    });
    json!({ "content": content.collect::<Vec<_>>(), "refusal": null })
}

fn finish_reason(answer: &Answer) -> &str {
    match &answer.finish {
        Finish::Complete | Finish::Refused => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered => "content_filter",
        Finish::Named(name) => name,
    }
}

fn usage(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.total_tokens(),
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

fn chunk(answer: &Answer, choices: &Value, usage: &Value) -> Value {
    let mut chunk = json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": answer.model,
        "service_tier": "default",
        "choices": choices,
    });
    if answer.stream_usage {
        chunk["usage"] = usage.clone();
    }
    chunk
}
