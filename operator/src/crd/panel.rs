//! The panel of models.

use kube::{KubeSchema, core::Duration};
use serde::{Deserialize, Serialize};

/// Which models answer, and within which limits.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.minModels) || !has(self.models) || self.minModels <= self.models.size()")
    .message("panel.minModels: write at most the number of panel.models, or no analysis could ever succeed"))]
pub struct Panel {
    /// The models that answer and review each other. The same one twice counts as two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 128)))]
    pub models: Option<Vec<String>>,

    /// The model that writes the final answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub synthesizer: Option<String>,

    /// How many models must answer, or the analysis fails. Default: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 16").message("panel.minModels: write a number from 1 to 16"))]
    pub min_models: Option<i32>,

    /// How long an analysis may take, such as 90s or 1m30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('30m')")
        .message("panel.deadline: write a duration from 100ms to 30m, such as 90s or 1m30s"))]
    pub deadline: Option<Duration>,

    /// How many tokens a model may write in one stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 16 && self <= 128000").message("panel.maxOutputTokens: write a number from 16 to 128000"))]
    pub max_output_tokens: Option<i32>,
}
