//! What real requests say of a model's state: nobody else asks, for every answer costs money.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::Error;
use crate::domain::ModelId;

/// So far back calls count.
const WINDOW: Duration = Duration::from_secs(300);

/// So many of the last calls count, at most.
const CALLS: usize = 100;

/// So many failures in a row, and a model is down.
const DOWN_AFTER: usize = 3;

/// Callers can name any model of some providers; no more are followed than this.
const MODELS: usize = 1_024;

/// How the calls of each model went lately.
#[derive(Debug, Default)]
pub struct Traffic(Mutex<BTreeMap<ModelId, Arc<Recent>>>);

/// The last calls of one model.
#[derive(Debug, Default)]
struct Recent(Mutex<VecDeque<Ended>>);

#[derive(Debug)]
struct Ended {
    at: Instant,
    time: OffsetDateTime,
    first_piece: Option<Duration>,
    failed: Option<&'static str>,
}

/// A call that is under way. Dropped without a word on how it went it was given up, which says nothing of the model.
#[derive(Debug)]
pub struct Watch {
    recent: Option<Arc<Recent>>,
    begun: Instant,
    first_piece: Option<Duration>,
}

/// How a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelStatus {
    /// Nobody has asked it lately.
    Unknown,
    /// It answers.
    Up,
    /// Some of its calls fail.
    Degraded,
    /// The last calls have all failed.
    Down,
}

/// What real traffic says of a model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelHealth {
    /// Which model.
    pub model: ModelId,
    /// How it does.
    pub status: ModelStatus,
    /// The calls of the last five minutes, of which the last hundred count.
    pub calls: usize,
    /// How many of them failed.
    pub failures: usize,
    /// The median time to the first piece of an answer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_piece_ms: Option<f64>,
    /// What went wrong the last time, in one stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<&'static str>,
    /// When the last call ended.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_call: Option<OffsetDateTime>,
}

impl Traffic {
    /// Watches a call that begins.
    pub fn watch(&self, model: &ModelId) -> Watch {
        Watch {
            recent: self.recent(model),
            begun: Instant::now(),
            first_piece: None,
        }
    }

    /// How a model does.
    pub fn health(&self, model: &ModelId) -> ModelHealth {
        let recent = {
            let models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            models.get(model).cloned()
        };
        recent.unwrap_or_default().health(model)
    }

    /// The models that somebody has asked.
    pub fn asked(&self) -> Vec<ModelId> {
        let models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        models.keys().cloned().collect()
    }

    fn recent(&self, model: &ModelId) -> Option<Arc<Recent>> {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recent) = models.get(model) {
            return Some(Arc::clone(recent));
        }
        if models.len() >= MODELS {
            return None;
        }
        let recent = Arc::<Recent>::default();
        models.insert(model.clone(), Arc::clone(&recent));
        Some(recent)
    }
}

impl Recent {
    fn add(&self, ended: Ended) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == CALLS {
            calls.pop_front();
        }
        calls.push_back(ended);
    }

    fn health(&self, model: &ModelId) -> ModelHealth {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.retain(|call| call.at.elapsed() < WINDOW);
        let failures = calls.iter().filter(|call| call.failed.is_some()).count();
        let mut first: Vec<_> = calls.iter().filter_map(|call| call.first_piece).collect();
        first.sort_unstable();
        let in_a_row = calls
            .iter()
            .rev()
            .take_while(|call| call.failed.is_some())
            .count();
        let status = match (calls.len(), failures) {
            (0, _) => ModelStatus::Unknown,
            (_, 0) => ModelStatus::Up,
            (all, _) if in_a_row >= DOWN_AFTER.min(all) => ModelStatus::Down,
            _ => ModelStatus::Degraded,
        };
        ModelHealth {
            model: model.clone(),
            status,
            calls: calls.len(),
            failures,
            first_piece_ms: first.get(first.len() / 2).map(|time| time.as_secs_f64() * 1e3),
            last_error: calls.iter().rev().find_map(|call| call.failed),
            last_call: calls.back().map(|call| call.time),
        }
    }
}

impl Watch {
    /// The answer has begun.
    pub fn begun(&mut self) {
        self.first_piece.get_or_insert_with(|| self.begun.elapsed());
    }

    /// The answer is whole.
    pub fn succeeded(self) {
        self.end(None);
    }

    /// The call failed. A wrong request says nothing of the model.
    pub fn failed(self, error: &Error) {
        if !error.is_callers() {
            self.end(Some(error.class()));
        }
    }

    fn end(self, failed: Option<&'static str>) {
        if let Some(recent) = self.recent {
            recent.add(Ended {
                at: Instant::now(),
                time: OffsetDateTime::now_utc(),
                first_piece: self.first_piece,
                failed,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> ModelId {
        name.parse().unwrap()
    }

    fn call(traffic: &Traffic, name: &str, result: Result<(), &Error>) {
        let mut watch = traffic.watch(&model(name));
        match result {
            Ok(()) => {
                watch.begun();
                watch.succeeded();
            }
            Err(error) => watch.failed(error),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_calls_say_is_told_and_forgotten_after_a_while() {
        let traffic = Traffic::default();
        let status = |name: &str| traffic.health(&model(name)).status;
        assert_eq!(status("a/b"), ModelStatus::Unknown);
        call(&traffic, "a/b", Ok(()));
        assert_eq!(status("a/b"), ModelStatus::Up);
        call(&traffic, "a/b", Err(&Error::Incomplete));
        assert_eq!(status("a/b"), ModelStatus::Degraded);
        for _ in 0..2 {
            call(&traffic, "a/b", Err(&Error::Unauthorized { status: 401 }));
        }
        let health = traffic.health(&model("a/b"));
        assert_eq!(
            (health.status, health.calls, health.failures, health.last_error),
            (ModelStatus::Down, 4, 3, Some("unauthorized"))
        );
        tokio::time::advance(WINDOW).await;
        assert_eq!(status("a/b"), ModelStatus::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn neither_a_wrong_request_nor_who_goes_away_says_anything_of_a_model() {
        let traffic = Traffic::default();
        let refused = Error::Refused {
            status: 400,
            message: String::new(),
        };
        call(&traffic, "a/b", Err(&refused));
        drop(traffic.watch(&model("a/b")));
        assert_eq!(traffic.health(&model("a/b")).calls, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_models_and_calls_are_remembered() {
        let traffic = Traffic::default();
        for index in 0..2 * MODELS {
            call(&traffic, &format!("a/{index}"), Ok(()));
        }
        assert_eq!(traffic.asked().len(), MODELS);
        for _ in 0..2 * CALLS {
            call(&traffic, "a/0", Ok(()));
        }
        assert_eq!(traffic.health(&model("a/0")).calls, CALLS);
    }
}
