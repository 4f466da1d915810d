//! The models of the configured providers, and their keys, which may change while the service runs.

use std::{path::PathBuf, sync::Arc, time::Duration};

use http::HeaderMap;
use secrecy::SecretString;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Background;
use crate::{
    config::{self, Config, KeySource, Mode, ProviderKind},
    llm::{
        ModelInfo, Models, Provider,
        anthropic::Anthropic,
        gemini::Gemini,
        mock::Mock,
        openai::OpenAi,
        upstream::{ApiKey, InvalidClient, Upstream},
    },
    secrets::ProviderKeys,
    watched_file::WatchedFile,
};

/// How soon a key that another replica has put is used here.
const STORED_KEY_INTERVAL: Duration = Duration::from_secs(5);

/// All providers. Their keys are followed until `stop`.
pub(super) fn build(
    config: &Config,
    stored_keys: Option<&Arc<ProviderKeys>>,
    background: &Background,
    stop: &CancellationToken,
) -> Result<Vec<Arc<dyn Provider>>, InvalidClient> {
    match config.mode {
        Mode::Mock => Ok(vec![Arc::new(Mock::scripted(config.mock.clone()))]),
        Mode::Real => config
            .providers
            .iter()
            .map(|provider| {
                let key = Arc::new(api_key(provider.kind));
                keep_key(provider, key.clone(), stored_keys, background, stop);
                adapter(provider, models(provider, config), key)
            })
            .collect(),
    }
}

fn api_key(kind: ProviderKind) -> ApiKey {
    match kind {
        ProviderKind::OpenAi => OpenAi::api_key(),
        ProviderKind::Anthropic => Anthropic::api_key(),
        ProviderKind::Google => Gemini::api_key(),
    }
}

fn adapter(
    provider: &config::Provider,
    models: Models,
    key: Arc<ApiKey>,
) -> Result<Arc<dyn Provider>, InvalidClient> {
    let headers = match provider.kind {
        ProviderKind::Anthropic => Anthropic::headers(),
        ProviderKind::OpenAi | ProviderKind::Google => HeaderMap::new(),
    };
    let upstream = Upstream::new(provider.base_url.clone(), key, headers, provider.bounds)?;
    Ok(match provider.kind {
        ProviderKind::OpenAi => Arc::new(OpenAi::new(models, upstream)),
        ProviderKind::Anthropic => Arc::new(Anthropic::new(models, upstream)),
        ProviderKind::Google => Arc::new(Gemini::new(models, upstream)),
    })
}

/// The models that are named; where none is, all are offered, and those with a price are known.
fn models(provider: &config::Provider, config: &Config) -> Models {
    let name = &provider.name;
    let info = |model: &str| {
        let id = format!("{name}/{model}").parse().ok()?;
        let description = format!("{model} of {name}");
        Some(ModelInfo { id, description })
    };
    if provider.models.is_empty() {
        let priced = config.prices.keys().filter(|model| model.provider() == name);
        Models::any(name, priced.filter_map(|model| info(model.name())).collect())
    } else {
        Models::only(
            name,
            provider.models.iter().filter_map(|model| info(model)).collect(),
        )
    }
}

/// Sets a provider's key, and follows it where it may change: a mounted file, or the store where the configuration has
/// none.
fn keep_key(
    provider: &config::Provider,
    key: Arc<ApiKey>,
    stored_keys: Option<&Arc<ProviderKeys>>,
    background: &Background,
    stop: &CancellationToken,
) {
    let name = provider.name.clone();
    match &provider.api_key {
        Some(KeySource::Value(value)) => use_key(&name, &key, Some(value)),
        Some(KeySource::File(file)) => {
            background.spawn(follow_file(name, file.clone(), key, stop.clone()));
        }
        None => {
            if let Some(keys) = stored_keys {
                let follow = follow_store(name, keys.clone(), key);
                background.spawn(stop.clone().run_until_cancelled_owned(follow));
            }
        }
    }
}

fn use_key(provider: &str, key: &ApiKey, value: Option<&SecretString>) {
    if let Err(error) = key.set(value) {
        tracing::error!(provider, %error, "the provider's key stays as it is");
    }
}

async fn follow_file(provider: String, file: PathBuf, key: Arc<ApiKey>, stop: CancellationToken) {
    WatchedFile::new(file)
        .follow(stop, move |_, content| match content {
            Ok(text) if !text.trim().is_empty() => {
                use_key(&provider, &key, Some(&SecretString::from(text.trim())));
            }
            Ok(_) => tracing::error!(
                provider,
                "the file of the provider's key is empty; the key stays as it is"
            ),
            Err(error) => {
                tracing::error!(provider, %error, "the provider's key cannot be read and stays as it is");
            }
        })
        .await;
}

async fn follow_store(provider: String, keys: Arc<ProviderKeys>, key: Arc<ApiKey>) {
    let mut told = None;
    loop {
        match keys.get(&provider).await {
            Ok(value) => {
                told = None;
                use_key(&provider, &key, value.as_ref());
            }
            // A lost database is told elsewhere, and the key that was known goes on being used.
            Err(error) => {
                let error = error.to_string();
                if told.as_ref() != Some(&error) {
                    tracing::warn!(provider, error, "the provider's key in the store cannot be read");
                    told = Some(error);
                }
            }
        }
        tokio::select! {
            () = sleep(STORED_KEY_INTERVAL) => {}
            () = keys.changed() => {}
        }
    }
}
