//! What providers say that their models cost.

use serde::Deserialize;
use time::Date;

use crate::{config::Price, domain::ModelId};

const LIST: &str = include_str!("prices.yaml");

/// A price as a provider lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Whose price it is.
    pub models: Vec<ModelId>,
    /// The price, in US dollars.
    pub price: Price,
    /// When it was read.
    #[serde(deserialize_with = "date")]
    pub seen: Date,
    /// Where it was read.
    pub source: String,
}

/// The list. It is part of the program, and a test reads it, so that a mistake in it is none of a running service.
pub fn listed() -> Vec<Listed> {
    serde_yaml::from_str(LIST).unwrap_or_default()
}

fn date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let text = String::deserialize(deserializer)?;
    Date::parse(&text, format).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_can_be_read_names_its_source_and_is_the_only_one_of_its_models() {
        let list: Vec<Listed> = serde_yaml::from_str(LIST).unwrap();
        let mut models = BTreeSet::new();
        for entry in &list {
            assert!(entry.source.starts_with("https://"), "{entry:?}");
            assert!(entry.seen >= time::macros::date!(2026 - 01 - 01), "{entry:?}");
            for model in &entry.models {
                assert!(models.insert(model), "two prices of {model}");
            }
        }
        for provider in ["openai", "anthropic", "google"] {
            assert!(
                models.iter().any(|model| model.provider() == provider),
                "{provider}"
            );
        }
    }

    #[test]
    fn long_prompts_cost_more() {
        for entry in listed() {
            if let Some(long) = entry.price.long_prompts {
                assert!(
                    long.input_per_million > entry.price.input_per_million,
                    "{entry:?}"
                );
                assert!(
                    long.output_per_million > entry.price.output_per_million,
                    "{entry:?}"
                );
            }
        }
    }
}
