//! A conversation on the wire, as the models take it and as the panel takes it.

use super::{
    request::{invalid, refuse_unsupported},
    wire::{ChatMessage, Content, Part},
};
use crate::{
    domain::{Conversation, Speaker, Turn},
    http::Problem,
    llm::{self, Message, Role},
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

/// The conversation as the panel takes it: words.
pub(super) fn to_conversation(messages: &[Message]) -> Result<Conversation, Problem> {
    let turns = messages.iter().enumerate().map(|(index, message)| {
        to_turn(message).ok_or_else(|| {
            let pointer = format!("/messages/{index}");
            invalid(
                &pointer,
                "must be words alone for the panel, which takes no pictures and calls no tools",
            )
        })
    });
    Conversation::parse(turns.collect::<Result<_, _>>()?).map_err(|error| {
        let detail = format!("The messages make no conversation: {error}.");
        Problem::bad_request("invalid-value", detail.clone()).at("/messages", detail)
    })
}

fn to_turn(message: &Message) -> Option<Turn> {
    let role = match message {
        Message::System(_) => Speaker::System,
        Message::User(parts) if parts.iter().all(|part| matches!(part, llm::Part::Text(_))) => Speaker::User,
        Message::Assistant { tool_calls, .. } if tool_calls.is_empty() => Speaker::Assistant,
        Message::User(_) | Message::Assistant { .. } | Message::Tool { .. } => return None,
    };
    let content = message.text().into_owned();
    Some(Turn { role, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panel_takes_the_turns_as_they_are_and_words_alone() {
        let turns = [
            Message::system("Be brief."),
            Message::user("Hi"),
            Message::assistant("Hello!"),
            Message::user("Why?"),
        ];
        let conversation = to_conversation(&turns).unwrap();
        assert_eq!(conversation.turns().len(), 4);
        assert_eq!(conversation.question().unwrap().as_str(), "Why?");

        let picture = llm::Part::Image(llm::Image {
            source: llm::ImageSource::Url("https://example.com/a.png".to_owned()),
            detail: None,
        });
        let result = Message::Tool {
            call_id: "1".to_owned(),
            text: "42".to_owned(),
        };
        for other in [Message::User(vec![picture]), result] {
            let problem = to_conversation(&[Message::user("Why?"), other]).unwrap_err();
            assert_eq!(problem.to_value("id")["errors"][0]["pointer"], "/messages/1");
        }
    }
}
