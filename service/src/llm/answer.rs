use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Error, ToolCall};
use crate::domain::Usage;

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was complete, or met a stop text.
    Stop,
    /// It met the bound of its length.
    Length,
    /// The model wants tools called.
    ToolCalls,
    /// The provider held it back.
    ContentFilter,
}

/// A part of a streamed answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// The next piece of text.
    Text(String),
    /// The next piece of a tool's call.
    ToolCall(ToolCallDelta),
    /// The probabilities of the next tokens, as OpenAI writes them: a list of objects.
    Logprobs(Vec<Value>),
    /// The end; nothing follows.
    End {
        /// Why the answer ended.
        finish: FinishReason,
        /// What it took.
        usage: Usage,
    },
}

impl Delta {
    /// So many bytes of it are what the model wrote.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::ToolCall(piece) => piece.arguments.len(),
            Self::Logprobs(_) | Self::End { .. } => 0,
        }
    }
}

/// A piece of a tool's call. The first of a call brings its id and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCallDelta {
    /// Which call of the answer, from 0.
    pub index: usize,
    /// Names the call.
    pub id: Option<String>,
    /// Which tool.
    pub name: Option<String>,
    /// The next piece of the arguments.
    pub arguments: String,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// The tools that the model wants called.
    pub tool_calls: Vec<ToolCall>,
    /// The probabilities of the tokens, where they were asked for.
    pub logprobs: Vec<Value>,
    /// Why it ended.
    pub finish: FinishReason,
    /// What it took.
    pub usage: Usage,
}

/// An answer as it comes in. Dropping it cancels the call.
pub type Deltas = BoxStream<'static, Result<Delta, Error>>;

/// An answer that is being put together from its parts.
#[derive(Debug, Default)]
pub struct Assembly {
    text: String,
    tool_calls: Vec<ToolCall>,
    logprobs: Vec<Value>,
}

impl Assembly {
    /// Takes in the next part. The last one gives the whole answer.
    pub fn take(&mut self, delta: Delta) -> Result<Option<Completion>, Error> {
        match delta {
            Delta::Text(part) => self.text.push_str(&part),
            Delta::ToolCall(part) => self.take_tool_call(part)?,
            Delta::Logprobs(more) => self.logprobs.extend(more),
            Delta::End { finish, usage } => {
                let Self {
                    text,
                    tool_calls,
                    logprobs,
                } = std::mem::take(self);
                return Ok(Some(Completion {
                    text,
                    tool_calls,
                    logprobs,
                    finish,
                    usage,
                }));
            }
        }
        Ok(None)
    }

    fn take_tool_call(&mut self, part: ToolCallDelta) -> Result<(), Error> {
        let ToolCallDelta {
            index,
            id,
            name,
            arguments,
        } = part;
        let is_next = index == self.tool_calls.len();
        match (self.tool_calls.get_mut(index), id, name) {
            (Some(call), ..) => call.arguments.push_str(&arguments),
            (None, Some(id), Some(name)) if is_next => {
                self.tool_calls.push(ToolCall { id, name, arguments });
            }
            _ => {
                return Err(Error::Malformed(
                    "a piece of a tool's call belongs to no call".to_owned(),
                ));
            }
        }
        Ok(())
    }
}
