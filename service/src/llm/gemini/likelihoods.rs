//! How likely words were: from Gemini's shape to OpenAI's.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogprobsResult {
    #[serde(default)]
    top_candidates: Vec<Top>,
    #[serde(default)]
    chosen_candidates: Vec<Chosen>,
}

#[derive(Debug, Deserialize)]
struct Top {
    #[serde(default)]
    candidates: Vec<Chosen>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chosen {
    #[serde(default)]
    token: String,
    #[serde(default)]
    log_probability: f64,
}

/// A token, as OpenAI shows it.
#[derive(Debug, Serialize)]
struct Token<'t> {
    token: &'t str,
    logprob: f64,
    bytes: &'t [u8],
}

impl Chosen {
    fn token(&self) -> Token<'_> {
        Token {
            token: &self.token,
            logprob: self.log_probability,
            bytes: self.token.as_bytes(),
        }
    }
}

/// Each token that was chosen, with those that could have been.
pub(super) fn decode(result: LogprobsResult) -> Vec<Value> {
    let mut top = result.top_candidates.into_iter();
    let with_top = |chosen: Chosen| {
        let others = top.next().map_or_else(Vec::new, |top| top.candidates);
        let others: Vec<_> = others.iter().map(Chosen::token).collect();
        let mut token = json!(chosen.token());
        token["top_logprobs"] = json!(others);
        token
    };
    result.chosen_candidates.into_iter().map(with_top).collect()
}
