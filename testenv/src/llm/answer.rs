//! Answers that depend on the request alone.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Finish, sample,
    wire::{Failure, Format, Prompt},
};

/// An answer, whatever its wire format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The same for the same model, message and text.
    pub(super) id: String,
    pub(super) model: String,
    /// The text in the pieces that a stream delivers: one per token.
    pub(super) pieces: Vec<String>,
    /// The tools that the model calls after its text.
    pub(super) calls: Vec<ToolCall>,
    pub(super) input_tokens: usize,
    pub(super) output_tokens: usize,
    pub(super) finish: Finish,
    pub(super) stream_usage: bool,
    /// How many other pieces are to be told beside each one, where likelihoods are asked for at all.
    pub(super) logprobs: Option<usize>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolCall {
    /// Without the prefix that each provider gives it.
    pub(super) id: String,
    pub(super) name: String,
    /// JSON, in the pieces that a stream delivers.
    pub(super) arguments: Vec<String>,
}

impl Answer {
    /// Repeats the question, so that a test sees whose words reached which model; as JSON where that is asked for.
    pub(super) fn echo(prompt: &Prompt) -> Self {
        let text = format!("{} answers: {}", prompt.model, prompt.last_user_message);
        match &prompt.format {
            Format::Text => Self::new(prompt, &text),
            Format::Json => Self::new(prompt, &json!({ "answer": text }).to_string()),
            Format::Schema(schema) => Self::new(prompt, &sample::of(schema, &text).to_string()),
        }
    }

    pub(super) fn new(prompt: &Prompt, text: &str) -> Self {
        let mut pieces: Vec<String> = tokens(text).map(str::to_owned).collect();
        let limit = prompt.max_tokens.unwrap_or(usize::MAX);
        let finish = if pieces.len() > limit {
            Finish::Length
        } else {
            Finish::Complete
        };
        pieces.truncate(limit);
        Self {
            id: id(&[&prompt.model, &prompt.last_user_message, text]),
            model: prompt.model.clone(),
            output_tokens: pieces.len(),
            pieces,
            calls: Vec::new(),
            input_tokens: prompt.texts.iter().map(|text| tokens(text).count()).sum(),
            finish,
            stream_usage: prompt.stream_usage,
            logprobs: prompt.logprobs,
        }
    }

    /// A text that ends for a reason of the script's.
    pub(super) fn ending(prompt: &Prompt, text: &str, finish: Finish) -> Self {
        let text = if finish == Finish::Refused { "" } else { text };
        Self {
            finish,
            ..Self::new(prompt, text)
        }
    }

    /// Calls of tools, which the request must have.
    pub(super) fn calling(prompt: &Prompt, calls: &[(String, String)]) -> Result<Self, Failure> {
        if let Some((name, _)) = calls.iter().find(|(name, _)| !prompt.tools.contains(name)) {
            return Err(Failure::invalid(format!(
                "the stand-in provider was told to call {name}, which is none of the request's tools"
            )));
        }
        let answer = Self::new(prompt, "");
        let calls: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(index, (name, arguments))| ToolCall {
                id: id(&[&answer.id, &index.to_string(), name, arguments]),
                name: name.clone(),
                arguments: tokens(arguments).map(str::to_owned).collect(),
            })
            .collect();
        Ok(Self {
            output_tokens: calls.iter().map(|call| call.arguments.len()).sum(),
            calls,
            finish: Finish::ToolCalls,
            ..answer
        })
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

impl ToolCall {
    /// All of its arguments, as JSON text.
    pub(super) fn arguments(&self) -> String {
        self.arguments.concat()
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
        assert_eq!(
            (answer.text().as_str(), answer.finish),
            ("one two ", Finish::Length)
        );
    }

    #[test]
    fn calls_of_tools_differ_in_their_ids_and_a_tool_that_is_not_there_is_not_called() {
        let prompt = Prompt {
            tools: vec!["look".into()],
            ..prompt("why?")
        };
        let look = ("look".to_owned(), r#"{"at": "sky"}"#.to_owned());
        let answer = Answer::calling(&prompt, &[look.clone(), look.clone()]).unwrap();
        assert_ne!(answer.calls[0].id, answer.calls[1].id);
        assert_eq!(answer.calls[0].arguments(), look.1);
        assert_eq!(answer.output_tokens, 4);
        let other = Answer::calling(&prompt, &[("leap".to_owned(), "{}".to_owned())]);
        assert!(other.unwrap_err().message.contains("call leap"));
    }
}
