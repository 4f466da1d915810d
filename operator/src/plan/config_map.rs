//! ConfigMaps. They are immutable and named by their content, so that a pod which restarts during a rollout still finds
//! the configuration that it was planned with.

use super::{
    checksum::fingerprint,
    env,
    metadata::{metadata, sealed},
};
use crate::{crd::Panel, names::Component, validate::Validated};
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Map, Value, json};

/// The service's variables that hold no secret, and its file where there is one.
pub(super) fn config_map(ultra: &Validated) -> ConfigMap {
    let mut data = env::variables(ultra);
    if let Some(panel) = &ultra.panel {
        data.insert(env::CONFIG_FILE.to_owned(), config_file(panel));
    }
    let hash = fingerprint(&data);
    let name = format!("{}-config-{}", ultra.name, &hash[..10]);
    sealed(ConfigMap {
        metadata: metadata(ultra, name, Component::Service, ultra.image.version()),
        data: Some(data),
        immutable: Some(true),
        ..Default::default()
    })
}

/// The service's file. JSON is YAML, and needs no rules for quoting.
fn config_file(panel: &Panel) -> String {
    let Panel {
        models,
        synthesizer,
        min_models,
        deadline,
        max_output_tokens,
    } = panel;
    let deadline = deadline.map(|deadline| env::duration(deadline.into()));
    let fields = [
        ("models", json!(models)),
        ("synthesizer", json!(synthesizer)),
        ("minModels", json!(min_models)),
        ("deadline", json!(deadline)),
        ("maxOutputTokens", json!(max_output_tokens)),
    ];
    let given: Map<String, Value> = fields
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    format!("{:#}\n", json!({ "panel": given }))
}
