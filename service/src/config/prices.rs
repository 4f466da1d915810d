use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::Money;

/// What a model costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "inputPerMillion and outputPerMillion"
)]
pub struct Price {
    /// A million tokens of prompts, as a decimal number in quotes.
    #[schemars(with = "String", example = &"2.50")]
    pub input_per_million: Money,
    /// A million tokens of answers, as a decimal number in quotes.
    #[schemars(with = "String", example = &"10.00")]
    pub output_per_million: Money,
}
