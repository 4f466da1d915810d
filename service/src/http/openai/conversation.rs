//! A conversation on the wire, as the models take it and as the panel takes it.

use super::{
    request::{invalid, refuse_unsupported},
    wire::{ChatMessage, Content, Part},
};
use crate::{
    domain::Prompt,
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
    if !read.iter().any(|message| message.role() == Role::User) {
        return Err(invalid("/messages", "must hold a message of the user"));
    }
    Ok(read)
}

fn read_one(index: usize, message: ChatMessage) -> Result<Message, Problem> {
    let at = format!("/messages/{index}");
    refuse_unsupported(&at, &message.rest, &FIELDS)?;
    let role: fn(String) -> Message = match message.role.as_str() {
        "system" | "developer" => Message::System,
        "user" => Message::user,
        "assistant" => Message::assistant,
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
    Ok(role(content))
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

/// The conversation as one question to the panel. A single message is the question itself.
pub(super) fn to_prompt(messages: &[Message]) -> Result<Prompt, Problem> {
    let text = match messages {
        [only] => only.text().into_owned(),
        all => {
            let turns: String = all
                .iter()
                .map(|message| format!("\n[{}]\n{}\n", message.role(), message.text()))
                .collect();
            format!("Write the assistant's next message in this conversation.\n{turns}")
        }
    };
    Prompt::parse(&text).map_err(|error| {
        let detail = format!("The messages make no prompt: {error}.");
        Problem::bad_request("invalid-value", detail.clone()).at("/messages", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, content: &str) -> Message {
        match role {
            Role::System => Message::system(content),
            Role::Assistant => Message::assistant(content),
            _ => Message::user(content),
        }
    }

    #[test]
    fn a_single_message_is_the_question_itself() {
        assert_eq!(
            to_prompt(&[message(Role::User, "Why?")]).unwrap().as_str(),
            "Why?"
        );
    }

    #[test]
    fn a_conversation_keeps_who_said_what_in_its_order() {
        let prompt = to_prompt(&[
            message(Role::System, "Be brief."),
            message(Role::User, "Hi"),
            message(Role::Assistant, "Hello!"),
            message(Role::User, "Why?"),
        ]);
        insta::assert_snapshot!(prompt.unwrap().as_str());
    }
}
