use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::breaker::{Breaker, Leave};
use crate::{config::ProviderBounds as Bounds, llm::Error};

/// Callers can name any model; no provider has so many.
const MODELS: usize = 1_024;

/// Bounds how many calls are under way, of the provider and of each model, and leaves a failing model alone.
pub(super) struct Gate {
    all: Arc<Semaphore>,
    per_model: usize,
    models: Mutex<HashMap<Box<str>, Arc<Model>>>,
}

struct Model {
    calls: Arc<Semaphore>,
    breaker: Mutex<Breaker>,
}

/// A call that is under way. Dropped without a word on how it went it was given up, which says nothing of the model.
pub(super) struct Pass {
    model: Arc<Model>,
    is_try: bool,
    is_over: bool,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Gate {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self {
            all: Arc::new(Semaphore::new(bounds.concurrency)),
            per_model: bounds.concurrency_per_model,
            models: Mutex::default(),
        }
    }

    /// Lets a call through, once there is room for it.
    pub(super) async fn enter(&self, model: &str, until: Instant) -> Result<Pass, Error> {
        let model = self.model(model);
        let permits = [room(&model.calls, until).await?, room(&self.all, until).await?];
        let is_try = match model.breaker().ask(Instant::now()) {
            Leave::Granted => false,
            Leave::Try => true,
            Leave::Refused(rest) => {
                return Err(Error::Unavailable {
                    detail: "it has failed several times in a row, and is left alone for a moment".to_owned(),
                    retry_after: Some(rest),
                });
            }
        };
        Ok(Pass {
            model,
            is_try,
            is_over: false,
            _permits: permits,
        })
    }

    fn model(&self, name: &str) -> Arc<Model> {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = models.get(name) {
            return Arc::clone(model);
        }
        if models.len() >= MODELS {
            models.retain(|_, model| Arc::strong_count(model) > 1 || model.breaker().is_open());
        }
        let model = Arc::new(Model {
            calls: Arc::new(Semaphore::new(self.per_model)),
            breaker: Mutex::default(),
        });
        models.insert(name.into(), Arc::clone(&model));
        model
    }
}

async fn room(calls: &Arc<Semaphore>, until: Instant) -> Result<OwnedSemaphorePermit, Error> {
    if let Ok(permit) = Arc::clone(calls).try_acquire_owned() {
        return Ok(permit);
    }
    let permit = timeout_at(until, Arc::clone(calls).acquire_owned()).await;
    permit
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| Error::unavailable("too many calls to it are under way"))
}

impl Model {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// The call has succeeded.
    pub(super) fn succeeded(mut self) {
        self.is_over = true;
        self.model.breaker().succeeded();
    }

    /// The call has failed. What says nothing about the model's state, such as a refused request, is no failure.
    pub(super) fn failed(mut self, error: &Error) {
        let answers = matches!(error, Error::RateLimited { .. }) || !error.is_transient();
        self.is_over = true;
        match answers {
            true if self.is_try => self.model.breaker().succeeded(),
            true => {}
            false => self.model.breaker().failed(self.is_try, Instant::now()),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_try && !self.is_over {
            self.model.breaker().gave_up();
        }
    }
}
