//! A conversation on the wire, as the models take it and as the panel takes it.

use super::{
    request::{invalid, refuse_unsupported},
    wire::{ChatMessage, Content, ImageUrl, Part, ToolCall},
};
use crate::{
    domain::Prompt,
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

/// The conversation as one question to the panel. A single message is the question itself.
pub(super) fn to_prompt(messages: &[Message]) -> Result<Prompt, Problem> {
    refuse_for_panel(messages)?;
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
