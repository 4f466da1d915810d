use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Deltas, Error, Provider, Request, openai::PassThrough};
use crate::domain::ModelId;

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelInfo {
    /// Its full name.
    pub id: ModelId,
    /// What it is good for.
    pub description: String,
}

/// All models of all providers, found by name. It is a provider itself: whoever holds it needs to know no other.
#[derive(Clone)]
pub struct Catalog {
    models: BTreeMap<ModelId, (ModelInfo, Arc<dyn Provider>)>,
    /// Those that take every model of theirs, by their name.
    open: BTreeMap<String, Arc<dyn Provider>>,
}

impl Catalog {
    /// Collects the models of the providers.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        let (mut models, mut open) = (BTreeMap::new(), BTreeMap::new());
        for provider in providers {
            for model in provider.models() {
                models.insert(model.id.clone(), (model, Arc::clone(&provider)));
            }
            if let Some(name) = provider.takes_all_of() {
                open.insert(name.to_owned(), Arc::clone(&provider));
            }
        }
        Self { models, open }
    }

    /// Finds a model by its full name, or by its bare one where only one known model has it.
    pub fn find(&self, name: &str) -> Option<Cow<'_, ModelInfo>> {
        if let Ok(id) = name.parse::<ModelId>() {
            if let Some((info, _)) = self.models.get(&id) {
                return Some(Cow::Borrowed(info));
            }
            if self.open.contains_key(id.provider()) {
                let description = String::new();
                return Some(Cow::Owned(ModelInfo { id, description }));
            }
        }
        let mut named = self.models.values().filter(|(info, _)| info.id.name() == name);
        match (named.next(), named.next()) {
            (Some((info, _)), None) => Some(Cow::Borrowed(info)),
            _ => None,
        }
    }

    /// All models that are known, by name.
    pub fn all(&self) -> impl Iterator<Item = &ModelInfo> {
        self.models.values().map(|(info, _)| info)
    }

    /// The way for requests to a model that are in OpenAI's words already.
    pub fn pass_through(&self, model: &ModelId) -> Option<Arc<dyn PassThrough>> {
        Arc::clone(self.provider_of(model)?).pass_through()
    }

    fn provider_of(&self, model: &ModelId) -> Option<&Arc<dyn Provider>> {
        let known = self.models.get(model).map(|(_, provider)| provider);
        known.or_else(|| self.open.get(model.provider()))
    }
}

#[async_trait]
impl Provider for Catalog {
    fn models(&self) -> Vec<ModelInfo> {
        self.all().cloned().collect()
    }

    async fn stream(&self, request: Request) -> Result<Deltas, Error> {
        match self.provider_of(&request.model) {
            Some(provider) => provider.stream(request).await,
            None => Err(Error::UnknownModel(request.model)),
        }
    }
}
