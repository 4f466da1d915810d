use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person asks: never blank, and bounded in bytes, because UTF-8 bytes bound the tokens that it can cost.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 131_072, example = "Should a small team run its own Postgres?")]
pub struct Prompt(Arc<str>);

impl Prompt {
    /// The longest prompt in UTF-8 bytes.
    pub const MAX_BYTES: usize = 128 * 1024;

    /// Checks the text once; a `Prompt` needs no further checks.
    pub fn parse(text: &str) -> Result<Self, InvalidPrompt> {
        if text.trim().is_empty() {
            return Err(InvalidPrompt::Blank);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidPrompt::TooLong { bytes: text.len() });
        }
        // Postgres cannot hold U+0000 in text, and no model is helped by it.
        if text.contains('\0') {
            return Err(InvalidPrompt::Nul);
        }
        Ok(Self(text.into()))
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrompt {
    /// Nothing but white space.
    #[error("the prompt must not be blank")]
    Blank,
    /// Longer than [`Prompt::MAX_BYTES`].
    #[error("the prompt has {bytes} bytes; {} are allowed", Prompt::MAX_BYTES)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Holds a NUL character.
    #[error("the prompt must not contain the character U+0000")]
    Nul,
}

impl TryFrom<String> for Prompt {
    type Error = InvalidPrompt;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Prompt> for String {
    fn from(prompt: Prompt) -> Self {
        prompt.0.as_ref().to_owned()
    }
}

// A prompt is its user's own and must not reach a log by way of a `{:?}`.
impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prompt({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_bounded_and_never_blank() {
        assert_eq!(Prompt::parse(" \n\t").unwrap_err(), InvalidPrompt::Blank);
        assert_eq!(Prompt::parse("a\0b").unwrap_err(), InvalidPrompt::Nul);
        let longest = "é".repeat(Prompt::MAX_BYTES / 2);
        assert!(Prompt::parse(&longest).is_ok());
        assert!(matches!(
            Prompt::parse(&(longest + "a")),
            Err(InvalidPrompt::TooLong { .. })
        ));
    }

    #[test]
    fn debug_output_does_not_show_the_prompt() {
        assert_eq!(
            format!("{:?}", Prompt::parse("my secret plan").unwrap()),
            "Prompt(14 bytes)"
        );
    }
}
