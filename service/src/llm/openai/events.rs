//! A streamed answer in OpenAI's words
//! (<https://platform.openai.com/docs/api-reference/chat-streaming/streaming>).

use serde::Deserialize;
use serde_json::Value;

use super::tokens::Tokens;
use crate::{
    domain::Usage,
    llm::{Delta, Error, FinishReason, ToolCallDelta, events},
};

/// What ends a stream.
pub(crate) const DONE: &[u8] = b"[DONE]";

#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Tokens>,
    error: Option<Told>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: ChoiceDelta,
    finish_reason: Option<String>,
    logprobs: Option<Logprobs>,
}

#[derive(Debug, Default, Deserialize)]
struct ChoiceDelta {
    content: Option<String>,
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Vec<CallPiece>,
}

#[derive(Debug, Deserialize)]
struct CallPiece {
    #[serde(default)]
    index: usize,
    id: Option<String>,
    #[serde(default)]
    function: FunctionPiece,
}

#[derive(Debug, Default, Deserialize)]
struct FunctionPiece {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Logprobs {
    content: Option<Vec<Value>>,
}

/// An error in the middle of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    message: Option<String>,
}

impl From<Told> for Error {
    fn from(told: Told) -> Self {
        Self::broke_off(&told.message.unwrap_or_default())
    }
}

/// What a stream has told so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    finish: Option<FinishReason>,
    usage: Option<Usage>,
    refused: bool,
}

impl events::Reader for Reader {
    fn read(&mut self, data: &[u8]) -> Result<Option<Vec<Delta>>, Error> {
        if data == DONE {
            return Ok(None);
        }
        let chunk: Chunk = serde_json::from_slice(data).map_err(|error| Error::malformed_json(&error))?;
        if let Some(told) = chunk.error {
            return Err(told.into());
        }
        if let Some(tokens) = chunk.usage {
            self.usage = Some(tokens.into());
        }
        // One answer was asked for.
        let deltas = chunk.choices.into_iter().next().map(|choice| self.choice(choice));
        deltas.transpose().map(|deltas| Some(deltas.unwrap_or_default()))
    }

    fn end(&self, guess: impl FnOnce() -> Usage) -> Result<Delta, Error> {
        let finish = self.finish.ok_or(Error::Incomplete)?;
        Ok(Delta::End {
            finish: if self.refused {
                FinishReason::ContentFilter
            } else {
                finish
            },
            usage: self.usage.unwrap_or_else(guess),
        })
    }
}

impl Reader {
    fn choice(&mut self, choice: Choice) -> Result<Vec<Delta>, Error> {
        let Choice {
            delta,
            finish_reason,
            logprobs,
        } = choice;
        let mut deltas = Vec::new();
        self.refused |= delta.refusal.is_some();
        for text in [delta.content, delta.refusal].into_iter().flatten() {
            if !text.is_empty() {
                deltas.push(Delta::Text(text));
            }
        }
        deltas.extend(delta.tool_calls.into_iter().map(CallPiece::into));
        if let Some(logprobs) = logprobs.and_then(|logprobs| logprobs.content) {
            deltas.push(Delta::Logprobs(logprobs));
        }
        if let Some(reason) = finish_reason {
            self.finish = Some(finish(&reason)?);
        }
        Ok(deltas)
    }
}

impl From<CallPiece> for Delta {
    fn from(piece: CallPiece) -> Self {
        let CallPiece { index, id, function } = piece;
        Self::ToolCall(ToolCallDelta {
            index,
            id,
            name: function.name,
            arguments: function.arguments.unwrap_or_default(),
        })
    }
}

fn finish(reason: &str) -> Result<FinishReason, Error> {
    match reason {
        "stop" => Ok(FinishReason::Stop),
        "length" => Ok(FinishReason::Length),
        "tool_calls" | "function_call" => Ok(FinishReason::ToolCalls),
        "content_filter" => Ok(FinishReason::ContentFilter),
        other => {
            let other: String = other.chars().take(50).collect();
            Err(Error::Malformed(format!(
                "it ended for the unknown reason {other:?}"
            )))
        }
    }
}
