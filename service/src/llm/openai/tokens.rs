use serde::Deserialize;

use crate::domain::Usage;

/// Tokens, under OpenAI's names.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Tokens {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        Self {
            input_tokens: tokens.prompt_tokens,
            output_tokens: tokens.completion_tokens,
        }
    }
}
