use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serializer, de::Visitor};

use super::{
    Mode,
    offered::Offered,
    yaml::{Problem, key},
};
use crate::{
    domain::{ModelId, format_duration, parse_duration},
    llm::mock,
};

/// Which models answer, and under which bounds: the `panel` part of `ULTRA_CONFIG_FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// The members, `models`. The same model twice counts as two.
    pub models: Vec<ModelId>,
    /// Who writes the final answer, `synthesizer`; best a model outside of the panel.
    pub synthesizer: ModelId,
    /// With fewer answers than this there is no verdict, `minModels`.
    pub min_models: usize,
    /// How long all stages may take together, `deadline`.
    pub deadline: Duration,
    /// How long one model's answer may be, `maxOutputTokens`.
    pub max_output_tokens: u32,
}

/// Which models answer, and under which bounds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    default,
    expecting = "keys such as models and deadline"
)]
pub(super) struct PanelFile {
    /// The members, as provider/model. The same model twice counts as two.
    #[schemars(with = "Vec<String>", length(min = 1, max = 26), example = ["mock/analyst", "mock/skeptic"])]
    models: Vec<ModelId>,
    /// Who writes the final answer; best a model outside of the panel.
    #[schemars(with = "String", example = &"mock/editor")]
    synthesizer: ModelId,
    /// With fewer answers than this there is no verdict.
    #[schemars(range(min = 1, max = 26), example = 2)]
    min_models: usize,
    /// How long all stages may take together.
    #[serde(deserialize_with = "duration", serialize_with = "text_of_duration")]
    #[schemars(with = "String", example = &"90s")]
    deadline: Duration,
    /// How long one model's answer may be.
    #[schemars(range(min = 16, max = 128_000), example = 2_048)]
    max_output_tokens: u32,
}

impl Default for PanelFile {
    fn default() -> Self {
        Self {
            models: mock::default_panel(),
            synthesizer: mock::default_synthesizer(),
            min_models: 2,
            deadline: Duration::from_secs(90),
            max_output_tokens: 2_048,
        }
    }
}

impl From<PanelFile> for Panel {
    fn from(file: PanelFile) -> Self {
        let PanelFile {
            models,
            synthesizer,
            min_models,
            deadline,
            max_output_tokens,
        } = file;
        Self {
            models,
            synthesizer,
            min_models,
            deadline,
            max_output_tokens,
        }
    }
}

impl Panel {
    const MAX_MODELS: usize = 26;

    /// What contradicts itself or is out of range.
    pub(super) fn problems(&self, offered: &Offered<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong =
            |field: &str, text: String| problems.push(Problem::new(key("panel").key(field), text));
        let members = self.models.len();
        // Members go by the letters A to Z.
        if members == 0 || members > Self::MAX_MODELS {
            let most = Self::MAX_MODELS;
            wrong(
                "models",
                format!("names {members} models; 1 to {most} are allowed"),
            );
        }
        if self.min_models == 0 || self.min_models > members {
            wrong(
                "minModels",
                format!(
                    "is {}, but must be from 1 to the {members} models of the panel",
                    self.min_models
                ),
            );
        }
        if self.deadline < Duration::from_millis(100) || self.deadline > Duration::from_secs(1_800) {
            wrong("deadline", "is out of range; 100ms to 30m is allowed".to_owned());
        }
        if !(16..=128_000).contains(&self.max_output_tokens) {
            wrong(
                "maxOutputTokens",
                "is out of range; 16 to 128000 is allowed".to_owned(),
            );
        }
        // That there is nobody to ask is told once.
        if offered.mode == Mode::Real && offered.providers.is_empty() {
            return problems;
        }
        for (index, model) in self.models.iter().enumerate() {
            let path = key("panel").key("models").index(index);
            problems.extend(offered.unknown(model).map(|text| Problem::new(path, text)));
        }
        let path = key("panel").key("synthesizer");
        problems.extend(
            offered
                .unknown(&self.synthesizer)
                .map(|text| Problem::new(path, text)),
        );
        problems
    }
}

/// By a visitor, so that an error names the line and column of the value and not of what surrounds it.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct GoDuration;

    impl Visitor<'_> for GoDuration {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration, such as 90s")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
            parse_duration(text).map_err(|problem| E::custom(format!("{text:?} {problem}")))
        }
    }

    deserializer.deserialize_str(GoDuration)
}

/// The same for one that may be left out.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// For the schema, which shows the default.
pub(super) fn text_of_duration<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_duration(*duration))
}
