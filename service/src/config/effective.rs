//! What applies and where it comes from, for a person who wonders why.

use std::path::Path;

use super::{
    Config, Default, Errors, KeySource, VARIABLES, Variable,
    file::{CONFIG_FILE, text_of},
    redact::REDACTED,
    source::Source,
    yaml::{self, key},
};
use crate::domain::{Money, format_duration};

/// Everything that applies, a line each: the variables with their origins, then what the file and what is built in
/// make of panel, providers, tiers and prices. Secrets are redacted.
pub fn show(
    vars: impl IntoIterator<Item = (String, String)>,
    dotenv: Option<&Path>,
) -> Result<String, Errors> {
    /// Longer values do not push everybody's origin to the right.
    const MAX_WIDTH: usize = 60;

    let mut source = Source::new(vars);
    let config = Config::read(&mut source, dotenv);
    let mut lines: Vec<(String, String)> = VARIABLES
        .iter()
        .map(|variable| variable_line(variable, &source))
        .collect();
    let path = source.given(&CONFIG_FILE).map(str::to_owned);
    let config = source.finish(config)?;
    let text = path.and_then(|path| text_of(&path).ok());
    lines.extend(file_lines(&config, text.as_deref().unwrap_or_default()));

    let width = lines.iter().map(|(line, _)| line.chars().count().min(MAX_WIDTH));
    let width = width.max().unwrap_or_default();
    let lines = lines
        .into_iter()
        .map(|(line, origin)| format!("{line:width$}  # {origin}\n"));
    Ok(lines.collect())
}

fn variable_line(variable: &Variable, source: &Source) -> (String, String) {
    let (value, origin) = source.effective(variable);
    match (value, variable.default) {
        (Some(value), _) => (format!("{}={value}", variable.name), origin.to_string()),
        (None, Default::Unset(words)) => {
            let words = words.replace('`', "");
            (
                format!("{} is not set", variable.name),
                format!("default: {words}"),
            )
        }
        (None, _) => (format!("{} is not set", variable.name), origin.to_string()),
    }
}

/// What can be set in the file, each with its place there.
fn file_lines(config: &Config, text: &str) -> Vec<(String, String)> {
    let place = |path: &yaml::Path| yaml::locate(text, path, false);
    let in_file = |place: yaml::Place| format!("{}, {place}", CONFIG_FILE.name);
    let mut lines = Vec::new();
    for (path, value) in file_values(config) {
        let origin = place(&path).map_or_else(|| "default".to_owned(), in_file);
        lines.push((format!("{path}: {value}"), origin));
    }
    for (index, provider) in config.providers.iter().enumerate() {
        let path = key("providers").index(index);
        let origin = place(&path).map_or_else(|| "environment".to_owned(), in_file);
        let key = match &provider.api_key {
            None => "no key".to_owned(),
            Some(KeySource::Value(_)) => format!("key {REDACTED}"),
            Some(KeySource::File(path)) => format!("key in {}", path.display()),
        };
        let models = match provider.models.as_slice() {
            [] => "all models".to_owned(),
            models => models.join(", "),
        };
        let line = format!(
            "{path}: {} at {}, {key}, {models}, timeout {}",
            provider.name,
            provider.base_url,
            format_duration(provider.bounds.total)
        );
        lines.push((line, origin));
    }
    lines
}

fn file_values(config: &Config) -> Vec<(yaml::Path, String)> {
    let panel = |field| key("panel").key(field);
    let models: Vec<&str> = config.panel.models.iter().map(|model| model.as_str()).collect();
    let mut values = vec![
        (panel("models"), format!("[{}]", models.join(", "))),
        (panel("synthesizer"), config.panel.synthesizer.to_string()),
        (panel("minModels"), config.panel.min_models.to_string()),
        (panel("deadline"), format_duration(config.panel.deadline)),
        (
            panel("maxOutputTokens"),
            config.panel.max_output_tokens.to_string(),
        ),
    ];
    let unlimited = || "not limited".to_owned();
    for (name, tier) in &config.tiers {
        let tokens = tier.tokens_per_day.map(|tokens| tokens.to_string());
        let money = tier.money_per_day.as_ref().map(Money::to_string);
        let per_key = tier.requests_per_minute_per_key.map(|limit| limit.to_string());
        values.extend(
            [
                ("requestsPerMinute", tier.requests_per_minute.to_string()),
                ("requestsPerMinutePerKey", per_key.unwrap_or_else(unlimited)),
                ("panelsPerMinute", tier.panels_per_minute.to_string()),
                ("tokensPerDay", tokens.unwrap_or_else(unlimited)),
                ("moneyPerDay", money.unwrap_or_else(unlimited)),
            ]
            .map(|(field, value)| (key("tiers").key(name).key(field), value)),
        );
    }
    for (model, price) in &config.prices {
        let path = key("prices").key(model.as_str());
        values.push((
            path.clone().key("inputPerMillion"),
            price.input_per_million.to_string(),
        ));
        values.push((path.key("outputPerMillion"), price.output_per_million.to_string()));
    }
    values
}
