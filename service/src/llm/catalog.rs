use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Deltas, Error, Provider, Request};
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
    providers: BTreeMap<ModelId, (ModelInfo, Arc<dyn Provider>)>,
}

impl Catalog {
    /// Collects the models of the providers.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        let mut all = BTreeMap::new();
        for provider in providers {
            for model in provider.models() {
                all.insert(model.id.clone(), (model, Arc::clone(&provider)));
            }
        }
        Self { providers: all }
    }

    /// Finds a model by its full name, or by its bare one where only one provider has it.
    pub fn find(&self, name: &str) -> Option<&ModelInfo> {
        if let Ok(id) = name.parse::<ModelId>()
            && let Some((info, _)) = self.providers.get(&id)
        {
            return Some(info);
        }
        let mut named = self.providers.values().filter(|(info, _)| info.id.name() == name);
        match (named.next(), named.next()) {
            (Some((info, _)), None) => Some(info),
            _ => None,
        }
    }

    /// All models, by name.
    pub fn all(&self) -> impl Iterator<Item = &ModelInfo> {
        self.providers.values().map(|(info, _)| info)
    }
}

#[async_trait]
impl Provider for Catalog {
    fn models(&self) -> Vec<ModelInfo> {
        self.all().cloned().collect()
    }

    async fn stream(&self, request: Request) -> Result<Deltas, Error> {
        match self.providers.get(&request.model) {
            Some((_, provider)) => provider.stream(request).await,
            None => Err(Error::UnknownModel(request.model)),
        }
    }
}
