//! Ids of calls that carry Gemini's signature.

use std::{borrow::Cow, fmt};

/// Stands in neither ids nor base64.
const MARK: char = '~';

/// The id of a call, and what Gemini signed it with. Gemini wants its signatures back with the conversation's next
/// turn, and OpenAI's clients give back nothing but the id, so it takes the signature along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallId<'c> {
    pub(super) id: &'c str,
    pub(super) signature: Option<Cow<'c, str>>,
}

impl<'c> CallId<'c> {
    /// Takes apart what [`fmt::Display`] put together; the id of another provider's call has no signature.
    pub(super) fn parse(text: &'c str) -> Self {
        match text.split_once(MARK) {
            Some((id, signature)) => Self {
                id,
                signature: Some(signature.into()),
            },
            None => Self {
                id: text,
                signature: None,
            },
        }
    }
}

impl fmt::Display for CallId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)?;
        match &self.signature {
            Some(signature) => write!(f, "{MARK}{signature}"),
            None => Ok(()),
        }
    }
}
