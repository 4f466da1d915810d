use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Prompt, prompt::InvalidPrompt};

/// Who says a turn of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// Whoever set the conversation up: what holds for all of it.
    System,
    /// The person who asks.
    User,
    /// A model's earlier answer.
    Assistant,
}

/// What one says in a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Who says it.
    pub role: Speaker,
    /// What is said.
    #[schema(example = "And for a team of two?")]
    pub content: String,
}

/// What is asked, with what was said before: turns that say something, of which the user's last one is the question.
/// As a whole it is no longer than a [`Prompt`] alone.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Conversation(Arc<[Turn]>);

/// Why turns are no conversation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConversation {
    /// The user says nothing in it.
    #[error("the user must say something")]
    NoQuestion,
    /// Longer than [`Prompt::MAX_BYTES`].
    #[error("the messages have {bytes} bytes; {} are allowed", Prompt::MAX_BYTES)]
    TooLong {
        /// How long they are together.
        bytes: usize,
    },
    /// More turns than [`Conversation::MAX_TURNS`].
    #[error("there are {turns} messages; {} are allowed", Conversation::MAX_TURNS)]
    TooMany {
        /// How many there are.
        turns: usize,
    },
    /// A NUL character.
    #[error("the messages must not contain the character U+0000")]
    Nul,
}

impl Conversation {
    /// The most turns.
    pub const MAX_TURNS: usize = 1_000;

    /// Checks the turns once. Those that are blank say nothing, and are left out.
    pub fn parse(turns: Vec<Turn>) -> Result<Self, InvalidConversation> {
        let spoken: Vec<Turn> = turns
            .into_iter()
            .filter(|turn| !turn.content.trim().is_empty())
            .collect();
        if !spoken.iter().any(|turn| turn.role == Speaker::User) {
            return Err(InvalidConversation::NoQuestion);
        }
        if spoken.len() > Self::MAX_TURNS {
            return Err(InvalidConversation::TooMany { turns: spoken.len() });
        }
        let bytes = spoken.iter().map(|turn| turn.content.len()).sum();
        if bytes > Prompt::MAX_BYTES {
            return Err(InvalidConversation::TooLong { bytes });
        }
        if spoken.iter().any(|turn| turn.content.contains('\0')) {
            return Err(InvalidConversation::Nul);
        }
        Ok(Self(spoken.into()))
    }

    /// All turns, the oldest first.
    pub fn turns(&self) -> &[Turn] {
        &self.0
    }

    /// The place of the question: the user's last turn.
    pub fn question_at(&self) -> usize {
        let asked = self.0.iter().rposition(|turn| turn.role == Speaker::User);
        asked.unwrap_or_default()
    }

    /// The question alone.
    pub fn question(&self) -> Result<Prompt, InvalidPrompt> {
        let turn = self.0.get(self.question_at());
        Prompt::parse(turn.map_or("", |turn| &turn.content))
    }

    /// Whether there is anything beside the question.
    pub fn is_one_question(&self) -> bool {
        self.0.len() == 1
    }
}

impl From<&Prompt> for Conversation {
    fn from(prompt: &Prompt) -> Self {
        Self(Arc::new([Turn {
            role: Speaker::User,
            content: prompt.as_str().to_owned(),
        }]))
    }
}

impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        })
    }
}

// What people say is their own and must not reach a log by way of a `{:?}`.
impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Turn({}, {} bytes)", self.role, self.content.len())
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(role: Speaker, content: &str) -> Turn {
        Turn {
            role,
            content: content.to_owned(),
        }
    }

    #[test]
    fn the_users_last_turn_is_the_question_and_blank_ones_say_nothing() {
        let conversation = Conversation::parse(vec![
            turn(Speaker::System, " \n"),
            turn(Speaker::User, "Hi"),
            turn(Speaker::Assistant, "Hello!"),
            turn(Speaker::User, "Why?"),
            turn(Speaker::User, ""),
        ])
        .unwrap();
        assert_eq!(conversation.turns().len(), 3);
        assert_eq!(conversation.question().unwrap().as_str(), "Why?");
        assert!(!conversation.is_one_question());
        assert_eq!(
            format!("{conversation:?}"),
            "[Turn(user, 2 bytes), Turn(assistant, 6 bytes), Turn(user, 4 bytes)]"
        );
    }

    #[test]
    fn a_conversation_is_bounded_as_a_whole_and_asks_something() {
        let parse = |turns: Vec<Turn>| Conversation::parse(turns).unwrap_err();
        assert_eq!(parse(Vec::new()), InvalidConversation::NoQuestion);
        assert_eq!(
            parse(vec![turn(Speaker::Assistant, "Hello!"), turn(Speaker::User, " ")]),
            InvalidConversation::NoQuestion
        );
        assert_eq!(parse(vec![turn(Speaker::User, "a\0b")]), InvalidConversation::Nul);
        let half = "é".repeat(Prompt::MAX_BYTES / 4);
        let whole = vec![turn(Speaker::Assistant, &half), turn(Speaker::User, &half)];
        assert!(Conversation::parse(whole.clone()).is_ok());
        let longer = [whole, vec![turn(Speaker::User, "a")]].concat();
        assert!(matches!(parse(longer), InvalidConversation::TooLong { .. }));
        let many = vec![turn(Speaker::User, "a"); Conversation::MAX_TURNS + 1];
        assert!(matches!(parse(many), InvalidConversation::TooMany { .. }));
    }
}
