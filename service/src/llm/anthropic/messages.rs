//! Conversations in Anthropic's words: instructions apart, and people and the model in turns.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::llm::{Image, ImageSource, Message, Part, ToolCall};

const LOOKS_CLOSELY: &str = "Anthropic always looks closely at images";
const NO_ARGUMENTS: &str = "Anthropic takes the arguments of a tool's call as a JSON object only";

/// What a conversation has and Anthropic does not take.
#[derive(Debug)]
pub(super) struct Unsupported {
    pub(super) parameter: &'static str,
    pub(super) why: &'static str,
}

/// All that one side says before the other answers.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'r> {
    role: Side,
    content: Vec<Block<'r>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    User,
    Assistant,
}

/// A part of a turn.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'r> {
    Text {
        text: &'r str,
    },
    Image {
        source: Source<'r>,
    },
    ToolUse {
        id: &'r str,
        name: &'r str,
        input: Map<String, Value>,
    },
    ToolResult {
        tool_use_id: &'r str,
        content: &'r str,
    },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Source<'r> {
    Base64 { media_type: &'r str, data: &'r str },
    Url { url: &'r str },
}

/// The instructions, and the turns. Texts without a word are left out: Anthropic refuses them, and they say nothing.
pub(super) fn encode(messages: &[Message]) -> Result<(Vec<Block<'_>>, Vec<Turn<'_>>), Unsupported> {
    let mut system = Vec::new();
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for message in messages {
        let (role, blocks) = match message {
            Message::System(text) => {
                system.extend(words(text));
                continue;
            }
            Message::User(parts) => (Side::User, said(parts)?),
            Message::Assistant { text, tool_calls } => (Side::Assistant, answered(text, tool_calls)?),
            Message::Tool { call_id, text } => {
                let result = Block::ToolResult {
                    tool_use_id: call_id,
                    content: text,
                };
                (Side::User, vec![result])
            }
        };
        match turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => turns.push(Turn {
                role,
                content: blocks,
            }),
        }
    }
    Ok((system, turns))
}

fn words(text: &str) -> Option<Block<'_>> {
    (!text.is_empty()).then_some(Block::Text { text })
}

fn said(parts: &[Part]) -> Result<Vec<Block<'_>>, Unsupported> {
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Text(text) => blocks.extend(words(text)),
            Part::Image(image) => blocks.push(Block::Image {
                source: source(image)?,
            }),
        }
    }
    Ok(blocks)
}

fn source(image: &Image) -> Result<Source<'_>, Unsupported> {
    if image.detail.as_deref() == Some("low") {
        return Err(Unsupported {
            parameter: "detail",
            why: LOOKS_CLOSELY,
        });
    }
    Ok(match &image.source {
        ImageSource::Url(url) => Source::Url { url },
        ImageSource::Data { media_type, base64 } => Source::Base64 {
            media_type,
            data: base64,
        },
    })
}

fn answered<'r>(text: &'r str, calls: &'r [ToolCall]) -> Result<Vec<Block<'r>>, Unsupported> {
    let mut blocks: Vec<Block<'_>> = words(text).into_iter().collect();
    for ToolCall { id, name, arguments } in calls {
        let input = object(arguments).ok_or(Unsupported {
            parameter: "tool_calls",
            why: NO_ARGUMENTS,
        })?;
        blocks.push(Block::ToolUse { id, name, input });
    }
    Ok(blocks)
}

/// The arguments, where they are an object; a tool that takes nothing may have been given nothing.
fn object(arguments: &str) -> Option<Map<String, Value>> {
    if arguments.trim().is_empty() {
        return Some(Map::new());
    }
    serde_json::from_str(arguments).ok()
}
