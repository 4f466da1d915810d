use std::collections::BTreeMap;

use super::{MockModel, Mode, Provider};
use crate::{domain::ModelId, llm::mock};

/// The models that there are.
pub(super) struct Offered<'a> {
    pub(super) mode: Mode,
    pub(super) providers: &'a [Provider],
    /// Stand-ins whose behaviour is configured, and which may have names of their own.
    pub(super) scripted: &'a BTreeMap<ModelId, MockModel>,
}

impl Offered<'_> {
    /// What is wrong with a model that nobody has.
    pub(super) fn unknown(&self, model: &ModelId) -> Option<String> {
        match self.mode {
            Mode::Mock if mock::knows(model) || self.scripted.contains_key(model) => None,
            Mode::Mock => Some(format!(
                "names the unknown model {model}; there are {}",
                self.stand_ins()
            )),
            Mode::Real => self.unknown_to_providers(model),
        }
    }

    fn unknown_to_providers(&self, model: &ModelId) -> Option<String> {
        let provider = self
            .providers
            .iter()
            .find(|provider| provider.name == model.provider());
        match provider {
            Some(provider) if provider.offers(model.name()) => None,
            Some(provider) => Some(format!(
                "names {model}, but {} offers only {}",
                provider.name,
                provider.models.join(", ")
            )),
            None if mock::knows(model) => Some(format!(
                "names {model}, which is a stand-in; with real models, name those of your providers ({}), as \
                 provider/model",
                self.names()
            )),
            None => Some(format!("names {model}, but the providers are {}", self.names())),
        }
    }

    fn stand_ins(&self) -> String {
        let own = self.scripted.keys().filter(|model| !mock::knows(model));
        let own = own.map(|model| format!(", {model}"));
        std::iter::once(mock::names()).chain(own).collect()
    }

    fn names(&self) -> String {
        let names: Vec<_> = self
            .providers
            .iter()
            .map(|provider| provider.name.as_str())
            .collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    }
}
