//! A conversation on the wire, as the models take it and as the panel takes it.

use super::{
    request::{invalid, refuse_unsupported},
    wire::{ChatMessage, Content, ImageUrl, Part, ToolCall},
};
use crate::{
    domain::{Conversation, Speaker, Turn},
    http::Problem,
    llm::{self, Image, ImageSource, Message, Role},
};

/// What OpenAI takes in a message and this service does not do.
const FIELDS: [&str; 5] = ["annotations", "audio", "function_call", "name", "refusal"];

/// Reads the messages; what cannot be taken is refused by name.
pub(super) fn read(messages: Vec<ChatMessage>) -> Result<Vec<Message>, Problem> {
    let read: Vec<Message> = messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| read_one(&format!("/messages/{index}"), message))
        .collect::<Result<_, _>>()?;
    if !read.iter().any(|message| message.role() == Role::User) {
        return Err(invalid("/messages", "must hold a message of the user"));
    }
    Ok(read)
}

fn read_one(at: &str, message: ChatMessage) -> Result<Message, Problem> {
    let ChatMessage {
        role,
        content,
        tool_calls,
        tool_call_id,
        rest,
    } = message;
    refuse_unsupported(at, &rest, &FIELDS)?;
    let tool_calls = tool_calls.unwrap_or_default();
    if role != "assistant" && !tool_calls.is_empty() {
        return Err(invalid(
            &format!("{at}/tool_calls"),
            "is allowed only in a message of the assistant",
        ));
    }
    if role != "tool" && tool_call_id.is_some() {
        return Err(invalid(
            &format!("{at}/tool_call_id"),
            "is allowed only in a message of a tool",
        ));
    }
    match role.as_str() {
        "system" | "developer" => text(at, content).map(Message::System),
        "user" => parts(at, content).map(Message::User),
        "assistant" => Ok(Message::Assistant {
            text: match content {
                None if !tool_calls.is_empty() => String::new(),
                content => text(at, content)?,
            },
            tool_calls: tool_calls.into_iter().map(tool_call).collect(),
        }),
        "tool" => Ok(Message::Tool {
            call_id: tool_call_id.ok_or_else(|| invalid(&format!("{at}/tool_call_id"), "is missing"))?,
            text: text(at, content)?,
        }),
        _ => Err(invalid(
            &format!("{at}/role"),
            "must be system, developer, user, assistant or tool",
        )),
    }
}

fn tool_call(call: ToolCall) -> llm::ToolCall {
    llm::ToolCall {
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
    }
}

fn text(at: &str, content: Option<Content>) -> Result<String, Problem> {
    let mut joined = String::new();
    for (index, part) in parts(at, content)?.into_iter().enumerate() {
        match part {
            llm::Part::Text(text) => joined.push_str(&text),
            llm::Part::Image(_) => {
                let pointer = format!("{at}/content/{index}/type");
                return Err(invalid(
                    &pointer,
                    "must be text; pictures are for messages of the user",
                ));
            }
        }
    }
    Ok(joined)
}

fn parts(at: &str, content: Option<Content>) -> Result<Vec<llm::Part>, Problem> {
    match content {
        Some(Content::Text(text)) => Ok(vec![llm::Part::Text(text)]),
        Some(Content::Parts(parts)) => parts
            .into_iter()
            .enumerate()
            .map(|(index, part)| read_part(&format!("{at}/content/{index}"), part))
            .collect(),
        None => Err(invalid(&format!("{at}/content"), "is missing")),
    }
}

fn read_part(at: &str, part: Part) -> Result<llm::Part, Problem> {
    match (part.r#type.as_str(), part.text, part.image_url) {
        ("text", Some(text), None) => Ok(llm::Part::Text(text)),
        ("image_url", None, Some(image)) => picture(at, image).map(llm::Part::Image),
        _ => Err(invalid(
            &format!("{at}/type"),
            "must be text, with a text, or image_url, with a picture; audio and files are not supported",
        )),
    }
}

fn picture(at: &str, image: ImageUrl) -> Result<Image, Problem> {
    let ImageUrl { url, detail } = image;
    let wrong = |problem| Err(invalid(&format!("{at}/image_url/url"), problem));
    let source = if let Some(data) = url.strip_prefix("data:") {
        match data.split_once(";base64,") {
            Some((media_type, base64)) if media_type.starts_with("image/") => ImageSource::Data {
                media_type: media_type.to_owned(),
                base64: base64.to_owned(),
            },
            _ => return wrong("must hold an image in base64, such as data:image/png;base64,iVBO"),
        }
    } else if url.starts_with("https://") || url.starts_with("http://") {
        ImageSource::Url(url)
    } else {
        return wrong("must begin with https://, http:// or data:");
    };
    Ok(Image { source, detail })
}

/// The conversation as the panel takes it: words.
pub(super) fn to_conversation(messages: &[Message]) -> Result<Conversation, Problem> {
    refuse_for_panel(messages)?;
    let turn = |message: &Message| Turn {
        role: match message {
            Message::System(_) => Speaker::System,
            Message::User(_) | Message::Tool { .. } => Speaker::User,
            Message::Assistant { .. } => Speaker::Assistant,
        },
        content: message.text().into_owned(),
    };
    Conversation::parse(messages.iter().map(turn).collect()).map_err(|error| {
        let detail = format!("The messages make no conversation: {error}.");
        Problem::bad_request("invalid-value", detail.clone()).at("/messages", detail)
    })
}

/// Refuses what only a single model can read.
fn refuse_for_panel(messages: &[Message]) -> Result<(), Problem> {
    for (index, message) in messages.iter().enumerate() {
        let at = format!("/messages/{index}");
        match message {
            Message::User(parts) => {
                let picture = parts.iter().position(|part| matches!(part, llm::Part::Image(_)));
                if let Some(part) = picture {
                    let pointer = format!("{at}/content/{part}/type");
                    return Err(invalid(&pointer, "must be text: the panel looks at no pictures"));
                }
            }
            Message::Assistant { tool_calls, .. } if !tool_calls.is_empty() => {
                return Err(invalid(
                    &format!("{at}/tool_calls"),
                    "must be empty: the panel has no tools",
                ));
            }
            Message::Tool { .. } => {
                return Err(invalid(
                    &format!("{at}/role"),
                    "must not be tool: the panel has no tools",
                ));
            }
            Message::System(_) | Message::Assistant { .. } => {}
        }
    }
    Ok(())
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
        for (other, pointer) in [
            (Message::User(vec![picture]), "/messages/1/content/0/type"),
            (result, "/messages/1/role"),
        ] {
            let problem = to_conversation(&[Message::user("Why?"), other]).unwrap_err();
            assert_eq!(problem.to_value("id")["errors"][0]["pointer"], pointer);
        }
    }
}
