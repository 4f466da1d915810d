//! How Gemini answers.

use serde_json::{Value, json};

use super::super::{Finish, answer::Answer};

pub(super) fn message(answer: &Answer) -> Value {
    if answer.finish == Finish::Refused {
        return blocked(answer);
    }
    let text = answer.text();
    let text = (!text.is_empty()).then(|| json!({ "text": text }));
    let parts = text.into_iter().chain(calls(answer)).collect();
    content(answer, &parts, answer.output_tokens, &answer.pieces, true)
}

pub(super) fn events(answer: &Answer) -> Vec<Value> {
    if answer.finish == Finish::Refused {
        return vec![blocked(answer)];
    }
    let pieces = answer.pieces.iter().enumerate().map(|(index, piece)| {
        let parts = json!([{ "text": piece }]);
        content(answer, &parts, index + 1, std::slice::from_ref(piece), false)
    });
    let calls = calls(answer).map(|call| content(answer, &json!([call]), answer.output_tokens, &[], false));
    let end = content(answer, &json!([{ "text": "" }]), answer.output_tokens, &[], true);
    pieces.chain(calls).chain([end]).collect()
}

/// Gemini gives a call no id of its own.
fn calls(answer: &Answer) -> impl Iterator<Item = Value> {
    answer.calls.iter().map(|call| {
        // A script that writes no JSON means an empty object.
        let arguments: Value = serde_json::from_str(&call.arguments()).unwrap_or_else(|_| json!({}));
        json!({ "functionCall": { "name": call.name, "args": arguments } })
    })
}

/// The prompt itself was too much.
fn blocked(answer: &Answer) -> Value {
    let mut blocked = envelope(answer, 0);
    blocked["promptFeedback"] = json!({ "blockReason": "SAFETY" });
    blocked
}

fn content(answer: &Answer, parts: &Value, output_tokens: usize, pieces: &[String], last: bool) -> Value {
    let mut candidate = json!({ "content": { "parts": parts, "role": "model" }, "index": 0 });
    if last {
        candidate["finishReason"] = finish_reason(answer).into();
    }
    if let (Some(others), false) = (answer.logprobs, pieces.is_empty()) {
        candidate["logprobsResult"] = logprobs(pieces, others);
        candidate["avgLogprobs"] = json!(CHOSEN);
    }
    let mut message = envelope(answer, output_tokens);
    message["candidates"] = json!([candidate]);
    message
}

const CHOSEN: f64 = -0.5;

fn logprobs(pieces: &[String], others: usize) -> Value {
    let entry = |token: &str, rank: usize| json!({ "token": token, "logProbability": CHOSEN - rank as f64, "tokenId": rank });
    let top = |piece: &String| {
        let others = (1..others).map(|rank| entry(&format!("other{rank}"), rank));
        let all = [entry(piece, 0)].into_iter().chain(others);
        json!({ "candidates": all.collect::<Vec<_>>() })
    };
    json!({
        "topCandidates": pieces.iter().map(top).collect::<Vec<_>>(),
        "chosenCandidates": pieces.iter().map(|piece| entry(piece, 0)).collect::<Vec<_>>(),
    })
}

fn envelope(answer: &Answer, output_tokens: usize) -> Value {
    json!({
        "usageMetadata": {
            "promptTokenCount": answer.input_tokens,
            "candidatesTokenCount": output_tokens,
            "totalTokenCount": answer.input_tokens + output_tokens,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": answer.input_tokens }],
        },
        "modelVersion": answer.model,
        "responseId": answer.id,
    })
}

/// A call of a tool ends an answer like any other.
fn finish_reason(answer: &Answer) -> &str {
    match &answer.finish {
        Finish::Complete | Finish::ToolCalls => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filtered | Finish::Refused => "SAFETY",
        Finish::Named(name) => name,
    }
}
