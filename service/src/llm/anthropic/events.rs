//! From Anthropic's events to parts of an answer.

use std::borrow::Cow;

use serde::Deserialize;

use super::failure;
use crate::{
    domain,
    llm::{Delta, Error, FinishReason, ToolCallDelta, events},
};

/// What Anthropic tells, as far as it matters; it may tell more at any time.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'e> {
    MessageStart {
        message: Start,
    },
    ContentBlockStart {
        #[serde(borrow)]
        content_block: Block<'e>,
    },
    ContentBlockDelta {
        #[serde(borrow)]
        delta: Piece<'e>,
    },
    ContentBlockStop,
    MessageDelta {
        #[serde(borrow)]
        delta: Ending<'e>,
        #[serde(default)]
        usage: Usage,
    },
    MessageStop,
    Error {
        #[serde(borrow)]
        error: failure::Detail<'e>,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
struct Start {
    #[serde(default)]
    usage: Usage,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'e> {
    Text {
        #[serde(borrow)]
        text: Cow<'e, str>,
    },
    ToolUse {
        #[serde(borrow)]
        id: Cow<'e, str>,
        #[serde(borrow)]
        name: Cow<'e, str>,
    },
    /// Thoughts, and what the provider's own tools do.
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece<'e> {
    TextDelta {
        #[serde(borrow)]
        text: Cow<'e, str>,
    },
    InputJsonDelta {
        #[serde(borrow)]
        partial_json: Cow<'e, str>,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
struct Ending<'e> {
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'e, str>>,
}

/// What the answer has taken so far: each event tells the whole, and what it leaves out is as it was.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Usage {
    fn update(&mut self, newer: Self) {
        let fields = [
            (&mut self.input_tokens, newer.input_tokens),
            (
                &mut self.cache_creation_input_tokens,
                newer.cache_creation_input_tokens,
            ),
            (&mut self.cache_read_input_tokens, newer.cache_read_input_tokens),
            (&mut self.output_tokens, newer.output_tokens),
        ];
        for (known, newer) in fields {
            *known = newer.or(*known);
        }
    }

    /// What was written into or read from Anthropic's cache was read all the same.
    fn total(self) -> Option<domain::Usage> {
        let input = [
            self.input_tokens,
            self.cache_creation_input_tokens,
            self.cache_read_input_tokens,
        ];
        Some(domain::Usage {
            input_tokens: input.into_iter().flatten().sum(),
            output_tokens: self.output_tokens?,
        })
    }
}

/// What is being told.
#[derive(Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    /// The arguments of the latest call, of which none came yet.
    NoArguments,
    Arguments,
}

/// Reads one answer, event by event.
#[derive(Debug, Default)]
pub(super) struct Reader {
    usage: Usage,
    finish: Option<FinishReason>,
    calls: usize,
    told: Told,
}

impl events::Reader for Reader {
    fn read(&mut self, data: &[u8]) -> Result<Option<Vec<Delta>>, Error> {
        let event = serde_json::from_slice(data).map_err(|error| Error::malformed_json(&error))?;
        let delta = match event {
            Event::MessageStart { message } => {
                self.usage.update(message.usage);
                None
            }
            Event::ContentBlockStart { content_block } => self.begin(content_block),
            Event::ContentBlockDelta { delta } => self.go_on(delta),
            Event::ContentBlockStop => self.end_block(),
            Event::MessageDelta { delta, usage } => {
                self.usage.update(usage);
                self.finish = delta.stop_reason.as_deref().map(finish).or(self.finish);
                None
            }
            Event::MessageStop => return Ok(None),
            Event::Error { error } => return Err(error.into()),
            Event::Other => None,
        };
        Ok(Some(delta.into_iter().collect()))
    }

    fn end(&self, guess: impl FnOnce() -> domain::Usage) -> Result<Delta, Error> {
        let finish = self.finish.ok_or(Error::Incomplete)?;
        Ok(Delta::End {
            finish,
            usage: self.usage.total().unwrap_or_else(guess),
        })
    }
}

impl Reader {
    fn begin(&mut self, block: Block<'_>) -> Option<Delta> {
        match block {
            Block::Text { text } => some_text(text),
            Block::ToolUse { id, name } => {
                self.told = Told::NoArguments;
                self.calls += 1;
                Some(Delta::ToolCall(ToolCallDelta {
                    id: Some(id.into_owned()),
                    name: Some(name.into_owned()),
                    ..self.latest_call()
                }))
            }
            Block::Other => None,
        }
    }

    fn go_on(&mut self, piece: Piece<'_>) -> Option<Delta> {
        match piece {
            Piece::TextDelta { text } => some_text(text),
            // The input of the provider's own tools comes in such pieces too.
            Piece::InputJsonDelta { partial_json }
                if self.told != Told::Nothing && !partial_json.is_empty() =>
            {
                self.told = Told::Arguments;
                Some(Delta::ToolCall(ToolCallDelta {
                    arguments: partial_json.into_owned(),
                    ..self.latest_call()
                }))
            }
            Piece::InputJsonDelta { .. } | Piece::Other => None,
        }
    }

    /// A tool that takes nothing is called with an empty object, about which Anthropic does not say a word.
    fn end_block(&mut self) -> Option<Delta> {
        let told = std::mem::take(&mut self.told);
        (told == Told::NoArguments).then(|| {
            Delta::ToolCall(ToolCallDelta {
                arguments: "{}".to_owned(),
                ..self.latest_call()
            })
        })
    }

    fn latest_call(&self) -> ToolCallDelta {
        ToolCallDelta {
            index: self.calls.saturating_sub(1),
            ..ToolCallDelta::default()
        }
    }
}

fn some_text(text: Cow<'_, str>) -> Option<Delta> {
    (!text.is_empty()).then(|| Delta::Text(text.into_owned()))
}

/// Anthropic may add reasons; an answer that ended for one of those has ended.
fn finish(reason: &str) -> FinishReason {
    match reason {
        // A turn is paused where the provider's own tools have run too often.
        "max_tokens" | "model_context_window_exceeded" | "pause_turn" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

#[cfg(test)]
mod tests;
