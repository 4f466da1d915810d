//! The models that can be asked.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::{
    domain::ModelId,
    llm::{ModelHealth, ModelInfo},
};

/// The panel and all models.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Models {
    /// Who answers the panel's questions.
    panel: PanelModels,
    /// All models, by name.
    models: Vec<ModelInfo>,
}

/// Who answers the panel's questions.
#[derive(Debug, Serialize, ToSchema)]
struct PanelModels {
    /// The members.
    models: Vec<ModelId>,
    /// Who writes the final answer.
    synthesizer: ModelId,
    /// With fewer answers than this there is no verdict.
    min_models: usize,
}

/// What real traffic says of the models.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelsHealth {
    /// All models, by name.
    models: Vec<ModelHealth>,
}

/// Tell how the models do.
///
/// By this replica's own requests of the last five minutes: no model is ever asked to find out.
#[utoipa::path(
    get,
    path = "/api/v1/models/health",
    tag = "models",
    responses((status = 200, description = "How each model does.", body = ModelsHealth)),
)]
pub(super) async fn health(State(api): State<Api>) -> Json<ModelsHealth> {
    Json(ModelsHealth {
        models: api.catalog.health(),
    })
}

/// List the models.
#[utoipa::path(
    get,
    path = "/api/v1/models",
    tag = "models",
    responses((status = 200, description = "The panel and all models.", body = Models)),
)]
pub(super) async fn list(State(api): State<Api>) -> Json<Models> {
    let panel = &api.analyses.panel;
    Json(Models {
        panel: PanelModels {
            models: panel.models.clone(),
            synthesizer: panel.synthesizer.clone(),
            min_models: panel.min_models,
        },
        models: api.catalog.all().cloned().collect(),
    })
}
