use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MessageRole)] // an account has a role too
pub enum Role {
    /// Instructions.
    System,
    /// The person who asks.
    User,
    /// A model's earlier answer.
    Assistant,
    /// What a tool returned.
    Tool,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        })
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Instructions.
    System(String),
    /// What the person who asks says and shows.
    User(Vec<Part>),
    /// A model's earlier answer.
    Assistant {
        /// Its words; none, where it only called tools.
        text: String,
        /// The tools that it called.
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool returned.
    Tool {
        /// Which call it answers.
        call_id: String,
        /// What it returned.
        text: String,
    },
}

/// A part of what a person says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Words.
    Text(String),
    /// A picture.
    Image(Image),
}

/// A picture in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub source: ImageSource,
    /// How closely the model is to look, in OpenAI's words: `low`, `high` or `auto`.
    pub detail: Option<String>,
}

/// Where a picture is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// There the provider fetches it; this service does not.
    Url(String),
    /// In the message itself.
    Data {
        /// Its type, such as `image/png`.
        media_type: String,
        /// Its bytes, in base64.
        base64: String,
    },
}

/// A model's wish to have a tool called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Names the call, so that its result finds it.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// The arguments as the model wrote them: JSON, most of the time.
    pub arguments: String,
}

/// What a provider adds to each message, at most, to mark who says it.
const MARKS_OF_A_MESSAGE: u64 = 16;

/// What a picture is taken for before a provider has counted it. A bound in most cases: providers count by size and
/// detail, which only they know.
const TOKENS_OF_AN_IMAGE: u64 = 4_096;

impl Message {
    /// Instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self::System(text.into())
    }

    /// What a person says in words.
    pub fn user(text: impl Into<String>) -> Self {
        Self::User(vec![Part::Text(text.into())])
    }

    /// An earlier answer in words.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::Assistant {
            text: text.into(),
            tool_calls: Vec::new(),
        }
    }

    /// Who says it.
    pub fn role(&self) -> Role {
        match self {
            Self::System(_) => Role::System,
            Self::User(_) => Role::User,
            Self::Assistant { .. } => Role::Assistant,
            Self::Tool { .. } => Role::Tool,
        }
    }

    /// Its words, without pictures and calls.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::System(text) | Self::Assistant { text, .. } | Self::Tool { text, .. } => text.into(),
            Self::User(parts) => match &parts[..] {
                [Part::Text(text)] => text.into(),
                parts => parts.iter().filter_map(Part::text).collect::<String>().into(),
            },
        }
    }

    /// Its bytes, as far as tokens are made of them.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::System(text) => text.len(),
            Self::User(parts) => parts.iter().filter_map(Part::text).map(str::len).sum(),
            Self::Assistant { text, tool_calls } => {
                text.len() + tool_calls.iter().map(ToolCall::bytes).sum::<usize>()
            }
            Self::Tool { call_id, text } => call_id.len() + text.len(),
        }
    }

    fn images(&self) -> usize {
        match self {
            Self::User(parts) => parts.iter().filter(|part| part.text().is_none()).count(),
            _ => 0,
        }
    }
}

impl Part {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Image(_) => None,
        }
    }
}

impl ToolCall {
    fn bytes(&self) -> usize {
        self.id.len() + self.name.len() + self.arguments.len()
    }
}

/// The most tokens that a conversation can have, in whichever vocabulary: no token of words is shorter than a byte.
pub fn input_bound(messages: &[Message]) -> u64 {
    let bound = |message: &Message| {
        message.bytes() as u64 + message.images() as u64 * TOKENS_OF_AN_IMAGE + MARKS_OF_A_MESSAGE
    };
    messages.iter().map(bound).sum()
}
