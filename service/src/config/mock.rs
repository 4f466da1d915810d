use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    panel::some_duration,
    yaml::{Problem, key},
};
use crate::domain::ModelId;

/// How one stand-in behaves: the `mock` part of `ULTRA_CONFIG_FILE`, by the model's full name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    default,
    expecting = "keys such as latency and fail"
)]
pub struct MockModel {
    /// How long it takes to begin its answer. Default: no time.
    #[serde(deserialize_with = "some_duration")]
    #[schemars(with = "Option<String>", example = &"800ms")]
    pub latency: Option<Duration>,
    /// How long it waits before each word. Default: no time.
    #[serde(deserialize_with = "some_duration")]
    #[schemars(with = "Option<String>", example = &"20ms")]
    pub pace: Option<Duration>,
    /// What it answers. Default: something made of the question.
    #[schemars(example = &"It depends.")]
    pub answer: Option<String>,
    /// How many tokens it says that it has read. Default: the words.
    #[schemars(example = 1_200)]
    pub input_tokens: Option<u64>,
    /// How many tokens it says that it has written. Default: the words.
    #[schemars(example = 350)]
    pub output_tokens: Option<u64>,
    /// How its calls fail. Default: they do not.
    #[schemars(example = &"unavailable")]
    pub fail: Option<MockFailure>,
    /// Of so many calls the last one fails. Default: 1, which is each.
    #[schemars(range(min = 1), example = 3)]
    pub fail_every: Option<u32>,
}

/// How a stand-in fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MockFailure {
    /// It cannot serve.
    Unavailable,
    /// It takes no more requests.
    RateLimited,
    /// It does not take the key.
    Unauthorized,
    /// It takes too long to begin.
    Timeout,
    /// Its answer breaks off in its middle.
    BreaksOff,
}

/// What is wrong with the stand-ins' behaviour.
pub(super) fn problems(models: &BTreeMap<ModelId, MockModel>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (model, script) in models {
        let path = key("mock").key(model.as_str());
        if model.provider() != "mock" {
            let text = format!("names {model}; the names of stand-ins begin with mock/");
            problems.push(Problem::new(path.clone(), text));
        }
        let longest = Duration::from_secs(1_800);
        for (name, duration) in [("latency", script.latency), ("pace", script.pace)] {
            if duration.is_some_and(|duration| duration > longest) {
                let text = "is out of range; up to 30m is allowed".to_owned();
                problems.push(Problem::new(path.clone().key(name), text));
            }
        }
        if script.fail_every == Some(0) {
            problems.push(Problem::new(
                path.clone().key("failEvery"),
                "must be at least 1".to_owned(),
            ));
        }
        if script.fail_every.is_some() && script.fail.is_none() {
            let text = "says how often calls fail, but not how; add fail".to_owned();
            problems.push(Problem::new(path.key("failEvery"), text));
        }
    }
    problems
}
