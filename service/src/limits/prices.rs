use std::{collections::BTreeMap, sync::Arc};

use super::Amount;
use crate::{
    config::Price,
    domain::{ModelId, Money, Usage},
};

/// What models cost; one without a price costs nothing.
#[derive(Debug, Clone)]
pub(super) struct Prices(Arc<BTreeMap<ModelId, Price>>);

impl Prices {
    pub(super) fn new(prices: BTreeMap<ModelId, Price>) -> Self {
        Self(Arc::new(prices))
    }

    /// What these calls come to.
    pub(super) fn amount<'a>(&self, calls: impl IntoIterator<Item = (&'a ModelId, Usage)>) -> Amount {
        let amount = |(model, usage): (&ModelId, Usage)| Amount {
            tokens: usage.total(),
            money: self
                .0
                .get(model)
                .map_or(Money::default(), |price| price.cost(usage)),
        };
        calls
            .into_iter()
            .map(amount)
            .fold(Amount::default(), |sum, call| sum + call)
    }
}
