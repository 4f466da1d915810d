//! Conversations in Gemini's words: instructions apart, and people and the model in turns.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    call_id::CallId,
    request::{Generation, Unsupported},
};
use crate::llm::{Image, ImageSource, Message, Part, ToolCall};

const NO_ARGUMENTS: &str = "Gemini takes the arguments of a tool's call as a JSON object only";
const NO_CALL: &str = "Gemini takes what a tool returned only after the call that it answers";
const UNKNOWN_IMAGE: &str = "Gemini is told what an image is: give it as a data URL, or by an address that ends in \
                             .png, .jpg, .jpeg, .webp, .heic or .heif";

/// What Google itself suggests for calls that another model made, which nobody has signed.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// All that one side says before the other answers.
#[derive(Debug, Serialize)]
pub(super) struct Content<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Side>,
    parts: Vec<WirePart<'r>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    User,
    Model,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WirePart<'r> {
    #[serde(flatten)]
    data: Piece<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<Cow<'r, str>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Piece<'r> {
    Text(&'r str),
    #[serde(rename_all = "camelCase")]
    InlineData {
        mime_type: &'r str,
        data: &'r str,
    },
    #[serde(rename_all = "camelCase")]
    FileData {
        mime_type: &'static str,
        file_uri: &'r str,
    },
    FunctionCall {
        id: &'r str,
        name: &'r str,
        args: Map<String, Value>,
    },
    FunctionResponse {
        id: &'r str,
        name: &'r str,
        response: Value,
    },
}

impl<'r> From<Piece<'r>> for WirePart<'r> {
    fn from(data: Piece<'r>) -> Self {
        Self {
            data,
            thought_signature: None,
        }
    }
}

/// The instructions, and the turns. Texts without a word are left out: they say nothing.
pub(super) fn encode(
    messages: &[Message],
    generation: Generation,
) -> Result<(Option<Content<'_>>, Vec<Content<'_>>), Unsupported> {
    let mut system = Vec::new();
    let mut turns: Vec<Content<'_>> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let (role, parts) = match message {
            Message::System(text) => {
                system.extend(words(text));
                continue;
            }
            Message::User(parts) => (Side::User, said(parts)?),
            Message::Assistant { text, tool_calls } => (Side::Model, answered(text, tool_calls, generation)?),
            Message::Tool { call_id, text } => {
                let name = name_of_call(&messages[..index], call_id)?;
                (Side::User, vec![returned(call_id, name, text)])
            }
        };
        match turns.last_mut() {
            Some(turn) if turn.role == Some(role) => turn.parts.extend(parts),
            _ if parts.is_empty() => {}
            _ => turns.push(Content {
                role: Some(role),
                parts,
            }),
        }
    }
    let system = (!system.is_empty()).then_some(Content {
        role: None,
        parts: system,
    });
    Ok((system, turns))
}

fn words(text: &str) -> Option<WirePart<'_>> {
    (!text.is_empty()).then(|| Piece::Text(text).into())
}

fn said(parts: &[Part]) -> Result<Vec<WirePart<'_>>, Unsupported> {
    let mut said = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Text(text) => said.extend(words(text)),
            Part::Image(image) => said.push(shown(image)?.into()),
        }
    }
    Ok(said)
}

fn shown(image: &Image) -> Result<Piece<'_>, Unsupported> {
    match &image.source {
        ImageSource::Data { media_type, base64 } => Ok(Piece::InlineData {
            mime_type: media_type,
            data: base64,
        }),
        ImageSource::Url(url) => {
            let mime_type = type_of(url).ok_or(Unsupported {
                parameter: "image_url",
                why: UNKNOWN_IMAGE,
            })?;
            Ok(Piece::FileData {
                mime_type,
                file_uri: url,
            })
        }
    }
}

/// What an image is, by the end of its address.
fn type_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, extension) = path.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "webp" => Some("image/webp"),
        "heic" => Some("image/heic"),
        "heif" => Some("image/heif"),
        _ => None,
    }
}

/// The first of several calls at once is the signed one.
fn answered<'r>(
    text: &'r str,
    calls: &'r [ToolCall],
    generation: Generation,
) -> Result<Vec<WirePart<'r>>, Unsupported> {
    let mut parts: Vec<WirePart<'_>> = words(text).into_iter().collect();
    for (index, ToolCall { id, name, arguments }) in calls.iter().enumerate() {
        let args = object(arguments).ok_or(Unsupported {
            parameter: "tool_calls",
            why: NO_ARGUMENTS,
        })?;
        let CallId { id, signature } = CallId::parse(id);
        let unsigned = index == 0 && generation == Generation::Levels;
        parts.push(WirePart {
            data: Piece::FunctionCall { id, name, args },
            thought_signature: signature.or_else(|| unsigned.then_some(UNSIGNED.into())),
        });
    }
    Ok(parts)
}

/// The arguments, where they are an object; a tool that takes nothing may have been given nothing.
fn object(arguments: &str) -> Option<Map<String, Value>> {
    if arguments.trim().is_empty() {
        return Some(Map::new());
    }
    serde_json::from_str(arguments).ok()
}

/// Gemini wants the tool's name beside what it returned, which OpenAI's clients say only with the call.
fn name_of_call<'r>(before: &'r [Message], call_id: &str) -> Result<&'r str, Unsupported> {
    let calls = before.iter().rev().filter_map(|message| match message {
        Message::Assistant { tool_calls, .. } => Some(tool_calls),
        _ => None,
    });
    let call = calls.flatten().find(|call| call.id == call_id);
    call.map(|call| call.name.as_str()).ok_or(Unsupported {
        parameter: "tool_call_id",
        why: NO_CALL,
    })
}

/// Gemini wants an object, and takes `output` for the whole of it.
fn returned<'r>(call_id: &'r str, name: &'r str, text: &str) -> WirePart<'r> {
    let response = match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => object,
        _ => json!({ "output": text }),
    };
    let id = CallId::parse(call_id).id;
    Piece::FunctionResponse { id, name, response }.into()
}
