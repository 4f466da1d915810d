//! From Gemini's events to parts of an answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    call_id::CallId,
    failure,
    likelihoods::{self, LogprobsResult},
};
use crate::{
    domain,
    llm::{Delta, Error, FinishReason, ToolCallDelta, events},
};

/// What Gemini tells, as far as it matters: an event of a stream, and a whole answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'e> {
    #[serde(borrow, default)]
    candidates: Vec<Candidate<'e>>,
    #[serde(borrow)]
    prompt_feedback: Option<Feedback<'e>>,
    usage_metadata: Option<Usage>,
    #[serde(borrow)]
    response_id: Option<Cow<'e, str>>,
    #[serde(borrow)]
    error: Option<failure::Status<'e>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'e> {
    #[serde(borrow)]
    content: Option<Content<'e>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'e, str>>,
    logprobs_result: Option<LogprobsResult>,
}

#[derive(Debug, Deserialize)]
struct Content<'e> {
    #[serde(borrow, default)]
    parts: Vec<Part<'e>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'e> {
    #[serde(borrow)]
    text: Option<Cow<'e, str>>,
    /// Not said, but thought.
    #[serde(default)]
    thought: bool,
    #[serde(borrow)]
    function_call: Option<FunctionCall<'e>>,
    #[serde(borrow)]
    thought_signature: Option<Cow<'e, str>>,
}

#[derive(Debug, Deserialize)]
struct FunctionCall<'e> {
    #[serde(borrow)]
    id: Option<Cow<'e, str>>,
    #[serde(borrow)]
    name: Cow<'e, str>,
    #[serde(default)]
    args: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'e> {
    #[serde(borrow)]
    block_reason: Option<Cow<'e, str>>,
}

/// What the answer has taken so far.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Usage {
    prompt_token_count: u64,
    tool_use_prompt_token_count: u64,
    candidates_token_count: u64,
    thoughts_token_count: u64,
}

impl From<Usage> for domain::Usage {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.prompt_token_count + usage.tool_use_prompt_token_count,
            output_tokens: usage.candidates_token_count + usage.thoughts_token_count,
        }
    }
}

/// Reads one answer, event by event. Its end is the end of the stream, about which Gemini does not say a word.
#[derive(Debug, Default)]
pub(super) struct Reader {
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    response_id: Option<String>,
    calls: usize,
}

impl events::Reader for Reader {
    fn read(&mut self, data: &[u8]) -> Result<Option<Vec<Delta>>, Error> {
        let event: Event<'_> = serde_json::from_slice(data).map_err(|error| Error::malformed_json(&error))?;
        if let Some(error) = event.error {
            return Err(error.into());
        }
        self.usage = event.usage_metadata.or(self.usage);
        if let (None, Some(id)) = (&self.response_id, event.response_id) {
            self.response_id = Some(id.into_owned());
        }
        let mut deltas = Vec::new();
        // More than one is never asked for.
        if let Some(candidate) = event.candidates.into_iter().next() {
            self.read_candidate(candidate, &mut deltas)?;
        } else if event
            .prompt_feedback
            .is_some_and(|feedback| feedback.block_reason.is_some())
        {
            self.finish = Some(FinishReason::ContentFilter);
        }
        Ok(Some(deltas))
    }

    fn end(&self, guess: impl FnOnce() -> domain::Usage) -> Result<Delta, Error> {
        let finish = self.finish.ok_or(Error::Incomplete)?;
        Ok(Delta::End {
            finish,
            usage: self.usage.map_or_else(guess, Into::into),
        })
    }
}

impl Reader {
    fn read_candidate(&mut self, candidate: Candidate<'_>, deltas: &mut Vec<Delta>) -> Result<(), Error> {
        for part in candidate.content.into_iter().flat_map(|content| content.parts) {
            match part {
                Part {
                    function_call: Some(call),
                    thought_signature,
                    ..
                } => deltas.push(self.call(call, thought_signature)),
                Part {
                    text: Some(text),
                    thought: false,
                    ..
                } if !text.is_empty() => deltas.push(Delta::Text(text.into_owned())),
                _ => {}
            }
        }
        let logprobs = candidate.logprobs_result.map(likelihoods::decode);
        deltas.extend(logprobs.map(Delta::Logprobs));
        if let Some(reason) = candidate.finish_reason {
            self.finish = Some(self.finish_of(&reason)?);
        }
        Ok(())
    }

    /// A call comes whole.
    fn call(&mut self, call: FunctionCall<'_>, signature: Option<Cow<'_, str>>) -> Delta {
        let index = self.calls;
        self.calls += 1;
        let id = call
            .id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| self.own_id(index).into());
        let id = CallId { id: &id, signature }.to_string();
        Delta::ToolCall(ToolCallDelta {
            index,
            id: Some(id),
            name: Some(call.name.into_owned()),
            arguments: Value::Object(call.args).to_string(),
        })
    }

    /// Older models name their calls by nothing, and conversations hold many.
    fn own_id(&mut self, index: usize) -> String {
        let answer = self
            .response_id
            .get_or_insert_with(|| Uuid::new_v4().simple().to_string());
        format!("call_{answer}_{index}")
    }

    fn finish_of(&self, reason: &str) -> Result<FinishReason, Error> {
        match reason {
            "STOP" if self.calls > 0 => Ok(FinishReason::ToolCalls),
            "STOP" => Ok(FinishReason::Stop),
            "MAX_TOKENS" => Ok(FinishReason::Length),
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
                Ok(FinishReason::ContentFilter)
            }
            // Calls that cannot be read, among others: such an answer is none.
            other => Err(Error::Malformed(format!("the answer ended for {other}"))),
        }
    }
}

#[cfg(test)]
mod tests;
