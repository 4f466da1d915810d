use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Visitor};
use utoipa::ToSchema;

/// The full name of a model, `provider/model`. The model's part may hold slashes of its own, as routers' names do.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(into = "String")]
#[schema(value_type = String, example = "mock/analyst")]
pub struct ModelId(Arc<str>);

impl ModelId {
    const MAX_BYTES: usize = 200;

    /// The part before the first slash.
    pub fn provider(&self) -> &str {
        self.0.split_once('/').map_or("", |(provider, _)| provider)
    }

    /// The part after the first slash: the name that the provider itself knows.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that does not name a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no model name; write provider/model, such as mock/analyst")]
pub struct InvalidModelId(String);

impl FromStr for ModelId {
    type Err = InvalidModelId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        match text.split_once('/') {
            Some((provider, name))
                if !provider.is_empty() && !name.is_empty() && printable && text.len() <= Self::MAX_BYTES =>
            {
                Ok(Self(text.into()))
            }
            _ => Err(InvalidModelId(text.chars().take(Self::MAX_BYTES).collect())),
        }
    }
}

// By a visitor, so that an error in a configuration file names the line and column of this very name.
impl<'de> Deserialize<'de> for ModelId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = ModelId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model name, provider/model")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ModelId, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Name)
    }
}

impl From<ModelId> for String {
    fn from(id: ModelId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_id_splits_at_its_first_slash() {
        let id: ModelId = "openrouter/meta/llama-4".parse().unwrap();
        assert_eq!((id.provider(), id.name()), ("openrouter", "meta/llama-4"));
    }

    #[test]
    fn what_names_no_model_is_refused() {
        for text in [
            "",
            "analyst",
            "/analyst",
            "mock/",
            "mock/a b",
            "mock/ä",
            &format!("mock/{}", "a".repeat(200)),
        ] {
            assert!(text.parse::<ModelId>().is_err(), "{text:?} was accepted");
        }
    }
}
