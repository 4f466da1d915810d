//! `/v1/models`.

use axum::{
    Json,
    extract::{Path, State},
};

use super::{
    PANEL, model_not_found,
    wire::{ErrorBody, Model, ModelList},
};
use crate::{
    http::{Api, Problem},
    llm::ModelInfo,
};

/// OpenAI's format wants a time at which a model came to be; of a name in a configuration there is none.
const CREATED: i64 = 0;

/// List the models.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "openai",
    operation_id = "openai_list_models",
    responses((status = 200, description = "The panel and all models.", body = ModelList)),
)]
pub(crate) async fn list(State(api): State<Api>) -> Json<ModelList> {
    let data = std::iter::once(panel())
        .chain(api.catalog.all().map(model))
        .collect();
    Json(ModelList { object: "list", data })
}

/// Read one model.
#[utoipa::path(
    get,
    path = "/v1/models/{*model}",
    tag = "openai",
    operation_id = "openai_read_model",
    params(("model" = String, Path, description = "Its name; the slash may be written as it is.")),
    responses(
        (status = 200, description = "The model.", body = Model),
        (status = 404, description = "There is none of this name.", body = ErrorBody),
    ),
)]
pub(crate) async fn read(State(api): State<Api>, Path(name): Path<String>) -> Result<Json<Model>, Problem> {
    if name == PANEL {
        return Ok(Json(panel()));
    }
    api.catalog
        .find(&name)
        .map(|info| Json(model(&info)))
        .ok_or_else(|| model_not_found(&name))
}

fn panel() -> Model {
    Model {
        id: PANEL.to_owned(),
        object: "model",
        created: CREATED,
        owned_by: PANEL.to_owned(),
    }
}

fn model(info: &ModelInfo) -> Model {
    Model {
        id: info.id.to_string(),
        object: "model",
        created: CREATED,
        owned_by: info.id.provider().to_owned(),
    }
}
