//! Answers that depend on the request alone.

use sha2::{Digest, Sha256};

use super::wire::Prompt;

/// An answer, whatever its wire format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The same for the same model, message and text.
    pub(super) id: String,
    pub(super) model: String,
    /// The text in the pieces that a stream delivers: one per token.
    pub(super) pieces: Vec<String>,
    pub(super) input_tokens: usize,
    pub(super) output_tokens: usize,
    /// Whether the request's token limit cut the text short.
    pub(super) cut_short: bool,
    pub(super) stream_usage: bool,
}

impl Answer {
    /// Repeats the question, so that a test sees whose words reached which model.
    pub(super) fn echo(prompt: &Prompt) -> Self {
        Self::new(
            prompt,
            &format!("{} answers: {}", prompt.model, prompt.last_user_message),
        )
    }

    pub(super) fn new(prompt: &Prompt, text: &str) -> Self {
        let mut pieces: Vec<String> = tokens(text).map(str::to_owned).collect();
        let limit = prompt.max_tokens.unwrap_or(usize::MAX);
        let cut_short = pieces.len() > limit;
        pieces.truncate(limit);
        Self {
            id: id(&[&prompt.model, &prompt.last_user_message, text]),
            model: prompt.model.clone(),
            output_tokens: pieces.len(),
            pieces,
            input_tokens: prompt.texts.iter().map(|text| tokens(text).count()).sum(),
            cut_short,
            stream_usage: prompt.stream_usage,
        }
    }

    /// A text of `bytes` bytes in one piece.
    pub(super) fn oversized(prompt: &Prompt, bytes: usize) -> Self {
        Self {
            pieces: vec!["x".repeat(bytes)],
            output_tokens: bytes,
            ..Self::new(prompt, "")
        }
    }

    pub(super) fn text(&self) -> String {
        self.pieces.concat()
    }

    pub(super) fn total_tokens(&self) -> usize {
        self.input_tokens + self.output_tokens
    }
}

/// A word with the space after it counts as one token.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}

fn id(parts: &[&str]) -> String {
    let digest = parts.iter().fold(Sha256::new(), |hash, part| {
        hash.chain_update(part).chain_update([0])
    });
    hex::encode(&digest.finalize()[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(message: &str) -> Prompt {
        Prompt {
            model: "m".into(),
            texts: vec!["be brief".into(), message.into()],
            last_user_message: message.into(),
            ..Prompt::default()
        }
    }

    #[test]
    fn the_same_request_gets_the_same_answer_and_another_one_another() {
        assert_eq!(Answer::echo(&prompt("why?")), Answer::echo(&prompt("why?")));
        assert_ne!(Answer::echo(&prompt("why?")).id, Answer::echo(&prompt("how?")).id);
    }

    #[test]
    fn pieces_make_up_the_text_and_count_as_tokens() {
        let answer = Answer::echo(&prompt("why  so\nslow?"));
        assert_eq!(answer.text(), "m answers: why  so\nslow?");
        assert_eq!(answer.pieces, ["m ", "answers: ", "why ", " ", "so\n", "slow?"]);
        assert_eq!((answer.input_tokens, answer.output_tokens), (6, 6));
    }

    #[test]
    fn a_token_limit_cuts_the_text_short() {
        let answer = Answer::new(
            &Prompt {
                max_tokens: Some(2),
                ..prompt("why?")
            },
            "one two three",
        );
        assert_eq!((answer.text().as_str(), answer.cut_short), ("one two ", true));
    }
}
