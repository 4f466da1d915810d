use std::collections::BTreeMap;

use crate::{
    config::Price,
    domain::{ModelId, Money, Usage},
};

/// What models cost.
#[derive(Debug, Clone, Default)]
pub struct Prices(BTreeMap<ModelId, Price>);

impl Prices {
    /// What a call costs; nothing where the model has no price. A part of a millionth counts as a whole one, so that
    /// many small calls do not come for free.
    pub fn cost(&self, model: &ModelId, usage: Usage) -> Money {
        const MILLION: u128 = 1_000_000;
        let Some(price) = self.0.get(model) else {
            return Money::default();
        };
        let of = |tokens: u64, per_million: Money| u128::from(tokens) * u128::from(per_million.millionths());
        let total = of(usage.input_tokens, price.input_per_million)
            + of(usage.output_tokens, price.output_per_million);
        Money::from_millionths(u64::try_from(total.div_ceil(MILLION)).unwrap_or(u64::MAX))
    }
}

impl From<BTreeMap<ModelId, Price>> for Prices {
    fn from(prices: BTreeMap<ModelId, Price>) -> Self {
        Self(prices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_costs_its_tokens_and_never_less_than_they_do() {
        let model: ModelId = "openai/gpt".parse().unwrap();
        let price = Price {
            input_per_million: "2.50".parse().unwrap(),
            output_per_million: "0.075".parse().unwrap(),
        };
        let prices = Prices::from(BTreeMap::from([(model.clone(), price)]));
        for (input_tokens, output_tokens, cost) in [
            (0, 0, "0"),
            (1_000_000, 2_000_000, "2.65"),
            (2, 0, "0.000005"),
            (1, 0, "0.000003"),
            (0, 1, "0.000001"),
            (u64::MAX, u64::MAX, "18446744073709.551615"),
        ] {
            let usage = Usage {
                input_tokens,
                output_tokens,
            };
            assert_eq!(prices.cost(&model, usage), cost.parse().unwrap(), "{usage:?}");
        }
        let unpriced = "mock/analyst".parse().unwrap();
        let usage = Usage {
            input_tokens: 1,
            output_tokens: 1,
        };
        assert_eq!(prices.cost(&unpriced, usage), Money::default());
    }
}
