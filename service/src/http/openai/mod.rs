//! OpenAI's wire format, so that its clients work unmodified. The model `ultra` is the panel; every other one is asked
//! directly.

pub(super) mod chat_completions;
mod chunks;
mod conversation;
mod failure;
pub(super) mod models;
mod pass;
mod request;
mod wire;

/// The name under which the panel is a model.
const PANEL: &str = crate::domain::Operation::PANEL;

/// What a name that no model has is answered with.
fn model_not_found(name: &str) -> super::Problem {
    let name: String = name.chars().take(200).collect();
    let detail = format!("The model `{name}` does not exist; /v1/models lists those that do.");
    super::Problem::new(http::StatusCode::NOT_FOUND, "model-not-found", detail.clone()).at("/model", detail)
}
