//! The keys of the models' providers. They go in and never come out.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    http::{Api, Problem, authentication::Admin, body::JsonBody, problem::ProblemBody},
    secrets::{self, ProviderKey, ProviderKeys},
    store::Actor,
};

const MAX_KEY_BYTES: usize = 4_096;

/// A provider's key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ProviderKeyRequest {
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 4096)]
    key: SecretString,
}

/// All providers that have a key in the store.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ProviderKeysBody {
    provider_keys: Vec<ProviderKeyBody>,
}

/// What may be known of a provider's key.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ProviderKeyBody {
    #[schema(example = "openai")]
    provider: String,
    /// The master key that it is encrypted under.
    master_key: String,
    /// Whether the master keys at hand open it.
    readable: bool,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
}

impl From<ProviderKey> for ProviderKeyBody {
    fn from(key: ProviderKey) -> Self {
        let ProviderKey {
            provider,
            master_id,
            readable,
            created_at,
        } = key;
        Self {
            provider,
            master_key: master_id,
            readable,
            created_at,
        }
    }
}

/// List the providers whose keys are in the store.
#[utoipa::path(
    get,
    path = "/api/v1/admin/provider-keys",
    tag = "admin",
    responses(
        (status = 200, description = "The providers.", body = ProviderKeysBody),
        (status = 409, description = "The service has no master key.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn list(State(api): State<Api>) -> Result<Json<ProviderKeysBody>, Problem> {
    let keys = stored(&api)?.list().await?;
    let provider_keys = keys.into_iter().map(ProviderKeyBody::from).collect();
    Ok(Json(ProviderKeysBody { provider_keys }))
}

/// Keep a provider's key, in place of the one that was there.
#[utoipa::path(
    put,
    path = "/api/v1/admin/provider-keys/{provider}",
    tag = "admin",
    params(("provider" = String, Path, description = "The provider's name in the configuration.")),
    request_body = ProviderKeyRequest,
    responses(
        (status = 204, description = "It is kept, encrypted."),
        (status = 404, description = "There is no such provider in the configuration.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The service has no master key.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn put(
    State(api): State<Api>,
    Admin(admin): Admin,
    Path(provider): Path<String>,
    JsonBody(ProviderKeyRequest { key }): JsonBody<ProviderKeyRequest>,
) -> Result<StatusCode, Problem> {
    let keys = stored(&api)?;
    if !api.provider_names.contains(&provider) {
        let names: Vec<&str> = api.provider_names.iter().map(String::as_str).collect();
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-provider",
            format!(
                "There is no provider of this name in the configuration; there are {}.",
                names.join(", ")
            ),
        ));
    }
    let key = usable(&key).map_err(|detail| {
        let summary = format!("The key cannot be kept: {detail}.");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", summary).at("/key", detail)
    })?;
    keys.put(&provider, &key, Actor::User(admin), OffsetDateTime::now_utc())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a provider's key.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/provider-keys/{provider}",
    tag = "admin",
    params(("provider" = String, Path, description = "The provider's name in the configuration.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is none.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The service has no master key.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn delete(
    State(api): State<Api>,
    Admin(admin): Admin,
    Path(provider): Path<String>,
) -> Result<StatusCode, Problem> {
    let deleted = stored(&api)?
        .delete(&provider, Actor::User(admin), OffsetDateTime::now_utc())
        .await?;
    match deleted {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(
            "There is no key of this provider in the store.",
        )),
    }
}

fn stored(api: &Api) -> Result<&ProviderKeys, Problem> {
    api.provider_keys.as_deref().ok_or_else(|| {
        Problem::new(
            StatusCode::CONFLICT,
            "no-master-key",
            "The service has no master key to encrypt with: set ULTRA_MASTER_KEY or ULTRA_MASTER_KEY_FILE.",
        )
    })
}

/// The key without what copying has put around it. It goes into a header, as it is.
fn usable(key: &SecretString) -> Result<SecretString, String> {
    let key = key.expose_secret();
    let bare = key.trim();
    if bare.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(format!("the key must have 1 to {MAX_KEY_BYTES} bytes"));
    }
    if !bare.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the key holds characters that no key has, such as spaces or line breaks".to_owned());
    }
    Ok(SecretString::from(bare))
}

impl From<secrets::Error> for Problem {
    fn from(error: secrets::Error) -> Self {
        match error {
            secrets::Error::Store(error) => error.into(),
            secrets::Error::Envelope { .. } => {
                tracing::error!(%error, "a provider's key could not be sealed or opened");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_bare_and_only_if_a_header_can_hold_it() {
        let usable = |text: &str| usable(&SecretString::from(text));
        assert_eq!(usable(" \tsk-x\r\n").unwrap().expose_secret(), "sk-x");
        assert!(usable(&"k".repeat(4_096)).is_ok());
        let long = format!("sk-x{}", " ".repeat(900_000));
        for text in [
            "",
            " \n",
            &"k".repeat(4_097),
            &long,
            "sk-x\r\n\r\nx: y",
            "sk x",
            "sk-\u{0}",
            "sk-ü",
            "sk-\u{7f}",
        ] {
            let detail = usable(text).unwrap_err();
            assert!(!detail.contains("sk"), "{detail}");
        }
    }
}
