//! A conversation on the wire, as the models take it and as the panel takes it.

use super::{
    request::{invalid, refuse_unsupported},
    wire::{ChatMessage, Content, Part},
};
use crate::{
    domain::{Conversation, Speaker, Turn},
    http::Problem,
    llm::{Message, Role},
};

/// What OpenAI takes in a message and this service does not do.
const FIELDS: [&str; 7] = [
    "annotations",
    "audio",
    "function_call",
    "name",
    "refusal",
    "tool_call_id",
    "tool_calls",
];

/// Reads the messages; what cannot be taken is refused by name.
pub(super) fn read(messages: Vec<ChatMessage>) -> Result<Vec<Message>, Problem> {
    let read: Vec<Message> = messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| read_one(index, message))
        .collect::<Result<_, _>>()?;
    if !read.iter().any(|message| message.role == Role::User) {
        return Err(invalid("/messages", "must hold a message of the user"));
    }
    Ok(read)
}

fn read_one(index: usize, message: ChatMessage) -> Result<Message, Problem> {
    let at = format!("/messages/{index}");
    refuse_unsupported(&at, &message.rest, &FIELDS)?;
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => {
            let problem = "must be system, developer, user or assistant; tools are not supported";
            return Err(invalid(&format!("{at}/role"), problem));
        }
    };
    let content = match message.content {
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => join(&at, parts)?,
        None => return Err(invalid(&format!("{at}/content"), "is missing")),
    };
    Ok(Message { role, content })
}

fn join(at: &str, parts: Vec<Part>) -> Result<String, Problem> {
    let mut text = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        match part {
            Part {
                r#type,
                text: Some(part),
                ..
            } if r#type == "text" => text.push_str(&part),
            Part { .. } => {
                let pointer = format!("{at}/content/{index}/type");
                return Err(invalid(
                    &pointer,
                    "must be text, with a text; images, audio and files are not supported",
                ));
            }
        }
    }
    Ok(text)
}

/// The conversation as the panel takes it.
pub(super) fn to_conversation(messages: &[Message]) -> Result<Conversation, Problem> {
    let turn = |message: &Message| Turn {
        role: match message.role {
            Role::System => Speaker::System,
            Role::User => Speaker::User,
            Role::Assistant => Speaker::Assistant,
        },
        content: message.content.clone(),
    };
    Conversation::parse(messages.iter().map(turn).collect()).map_err(|error| {
        let detail = format!("The messages make no conversation: {error}.");
        Problem::bad_request("invalid-value", detail.clone()).at("/messages", detail)
    })
}
