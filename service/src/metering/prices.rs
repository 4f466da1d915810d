use std::{collections::BTreeMap, sync::Arc};

use crate::{
    config::Price,
    domain::{ModelId, Money, Usage},
};

/// What models cost; one without a price costs nothing. Clones are one list.
#[derive(Debug, Clone, Default)]
pub struct Prices(Arc<BTreeMap<ModelId, Price>>);

impl Prices {
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
