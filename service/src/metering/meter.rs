use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Call, Prices, metered::Metered};
use crate::{
    domain::{ModelId, Money, Usage},
    llm::Provider,
};

/// The calls of one request, with what each has taken so far. Clones are one meter.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Vec<(ModelId, Usage)>>>);

impl Meter {
    /// The same models, where each call counts here.
    pub fn metering(&self, provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
        Arc::new(Metered::new(provider, self.clone()))
    }

    /// Begins a call of a model, which is sent so many bytes.
    pub fn call(&self, model: ModelId, read: usize) -> Call {
        Call::begin(self.clone(), model, read)
    }

    /// What all calls have taken so far, and what that costs.
    pub fn taken(&self, prices: &Prices) -> (Usage, Money) {
        let (mut usage, mut cost) = (Usage::default(), Money::default());
        for (model, taken) in &*self.calls() {
            usage += *taken;
            cost += prices.cost(model, *taken);
        }
        (usage, cost)
    }

    /// Notes that a model is being asked. The number names the call from here on.
    pub(crate) fn asked(&self, model: ModelId, usage: Usage) -> usize {
        let mut calls = self.calls();
        calls.push((model, usage));
        calls.len() - 1
    }

    /// Notes what a call has taken so far.
    pub(crate) fn took(&self, call: usize, usage: Usage) {
        if let Some((_, taken)) = self.calls().get_mut(call) {
            *taken = usage;
        }
    }

    /// What each call has taken so far.
    pub(crate) fn calls(&self) -> MutexGuard<'_, Vec<(ModelId, Usage)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of calls that are over.
impl FromIterator<(ModelId, Usage)> for Meter {
    fn from_iter<I: IntoIterator<Item = (ModelId, Usage)>>(calls: I) -> Self {
        Self(Arc::new(Mutex::new(calls.into_iter().collect())))
    }
}
