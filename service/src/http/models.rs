//! The models that can be asked.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::{domain::ModelId, llm::ModelInfo};

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
