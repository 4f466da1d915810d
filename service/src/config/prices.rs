use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::{Money, Usage};

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
    /// What a call with a long prompt costs instead, all of it. Default: the same.
    pub long_prompts: Option<LongPrompts>,
}

/// What a call with a long prompt costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "above, inputPerMillion and outputPerMillion"
)]
pub struct LongPrompts {
    /// A prompt of more tokens is a long one.
    #[schemars(example = &200_000)]
    pub above: u64,
    /// A million tokens of such prompts, as a decimal number in quotes.
    #[schemars(with = "String", example = &"5.00")]
    pub input_per_million: Money,
    /// A million tokens of their answers, as a decimal number in quotes.
    #[schemars(with = "String", example = &"15.00")]
    pub output_per_million: Money,
}

impl Price {
    /// What a call costs, rounded up to the next millionth.
    pub fn cost(&self, usage: Usage) -> Money {
        let part = |tokens: u64, price: Money| u128::from(tokens) * u128::from(price.millionths());
        let (input, output) = match self.long_prompts {
            Some(long) if usage.input_tokens > long.above => {
                (long.input_per_million, long.output_per_million)
            }
            _ => (self.input_per_million, self.output_per_million),
        };
        let whole = part(usage.input_tokens, input).saturating_add(part(usage.output_tokens, output));
        Money::from_millionths(u64::try_from(whole.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_costs_is_exact_and_rounded_up() {
        let price = Price {
            input_per_million: "2.50".parse().unwrap(),
            output_per_million: "10.00".parse().unwrap(),
            long_prompts: None,
        };
        for (input_tokens, output_tokens, cost) in [
            (0, 0, "0.00"),
            (1, 0, "0.000003"),
            (2, 0, "0.000005"),
            (1_000, 100, "0.0035"),
            (1_000_000, 1_000_000, "12.50"),
        ] {
            let usage = Usage {
                input_tokens,
                output_tokens,
            };
            assert_eq!(price.cost(usage).to_string(), cost);
        }
        let most = Usage {
            input_tokens: u64::MAX,
            output_tokens: u64::MAX,
        };
        assert_eq!(price.cost(most).millionths(), u64::MAX);
    }

    #[test]
    fn a_long_prompt_costs_more_all_of_it() {
        let price = Price {
            input_per_million: "1.00".parse().unwrap(),
            output_per_million: "2.00".parse().unwrap(),
            long_prompts: Some(LongPrompts {
                above: 1_000,
                input_per_million: "2.00".parse().unwrap(),
                output_per_million: "3.00".parse().unwrap(),
            }),
        };
        for (input_tokens, cost) in [(1_000, "0.0012"), (1_001, "0.002302")] {
            let usage = Usage {
                input_tokens,
                output_tokens: 100,
            };
            assert_eq!(price.cost(usage).to_string(), cost);
        }
    }
}
