use std::{collections::BTreeMap, sync::Arc};

use crate::{
    config::Price,
    domain::{ModelId, Money, Usage},
};

/// What models cost; one without a price costs nothing. Clones are one list.
#[derive(Debug, Clone, Default)]
pub struct Prices(Arc<BTreeMap<ModelId, Price>>);

impl Prices {
    /// What the providers list, and these prices above it.
    pub fn listed_and(own: BTreeMap<ModelId, Price>) -> Self {
        let listed = super::listed().into_iter();
        let listed = listed.flat_map(|entry| entry.models.into_iter().map(move |model| (model, entry.price)));
        let mut prices: BTreeMap<_, _> = listed.collect();
        prices.extend(own);
        Self(Arc::new(prices))
    }

    /// What a call costs.
    pub fn cost(&self, model: &ModelId, usage: Usage) -> Money {
        let price = self.0.get(model);
        price.map_or(Money::default(), |price| price.cost(usage))
    }
}

impl From<BTreeMap<ModelId, Price>> for Prices {
    fn from(prices: BTreeMap<ModelId, Price>) -> Self {
        Self(Arc::new(prices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_of_ones_own_comes_before_the_listed_one_and_leaves_the_others() {
        let [own, other]: [ModelId; 2] =
            ["openai/gpt-6-sol", "openai/gpt-6-luna"].map(|name| name.parse().unwrap());
        let usage = Usage {
            input_tokens: 1_000_000,
            output_tokens: 0,
        };
        let listed = Prices::listed_and(BTreeMap::new());
        let price = Price {
            input_per_million: "0.01".parse().unwrap(),
            output_per_million: "0.02".parse().unwrap(),
            long_prompts: None,
        };
        let prices = Prices::listed_and(BTreeMap::from([(own.clone(), price)]));
        assert_eq!(prices.cost(&own, usage).to_string(), "0.01");
        assert_ne!(listed.cost(&own, usage), prices.cost(&own, usage));
        assert_eq!(prices.cost(&other, usage), listed.cost(&other, usage));
        assert!(prices.cost(&other, usage) > Money::default());
        let unknown = "openai/nobody".parse().unwrap();
        assert_eq!(prices.cost(&unknown, usage), Money::default());
    }
}
