use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use futures::StreamExt as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Delta, Deltas, Error, ModelHealth, Provider, Request, Traffic, Watch, openai::PassThrough};
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
    /// Who is asked where a model cannot answer, in this order.
    fallbacks: Arc<BTreeMap<ModelId, Vec<ModelId>>>,
    traffic: Arc<Traffic>,
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
        Self {
            models,
            open,
            fallbacks: Arc::default(),
            traffic: Arc::default(),
        }
    }

    /// The same, with others to ask where a model cannot answer.
    pub fn with_fallbacks(self, fallbacks: BTreeMap<ModelId, Vec<ModelId>>) -> Self {
        Self {
            fallbacks: Arc::new(fallbacks),
            ..self
        }
    }

    /// Who is asked where a model cannot answer, in this order.
    pub fn fallbacks(&self, model: &ModelId) -> &[ModelId] {
        self.fallbacks.get(model).map_or(&[], Vec::as_slice)
    }

    /// Watches a call that goes past [`Provider::stream`].
    pub fn watch(&self, model: &ModelId) -> Watch {
        self.traffic.watch(model)
    }

    /// What real traffic says of the models: of all that are known, and of those that were asked beside them.
    pub fn health(&self) -> Vec<ModelHealth> {
        let known = self.models.keys().cloned();
        let all: BTreeSet<ModelId> = known.chain(self.traffic.asked()).collect();
        all.iter().map(|model| self.traffic.health(model)).collect()
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
        let Some(provider) = self.provider_of(&request.model) else {
            return Err(Error::UnknownModel(request.model));
        };
        let watch = self.watch(&request.model);
        match provider.stream(request).await {
            Ok(deltas) => Ok(watched(deltas, watch)),
            Err(error) => {
                watch.failed(&error);
                Err(error)
            }
        }
    }
}

/// The same answer, whose end tells how the call went.
fn watched(mut deltas: Deltas, watch: Watch) -> Deltas {
    let mut watch = Some(watch);
    let watched = async_stream::stream! {
        while let Some(delta) = deltas.next().await {
            if let Some(watch) = &mut watch {
                watch.begun();
            }
            match (&delta, watch.take()) {
                (Ok(Delta::End { .. }), Some(watch)) => watch.succeeded(),
                (Err(error), Some(watch)) => watch.failed(error),
                (_, going_on) => watch = going_on,
            }
            yield delta;
        }
        if let Some(watch) = watch {
            watch.failed(&Error::Incomplete);
        }
    };
    watched.boxed()
}
