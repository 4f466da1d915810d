//! A user's API keys.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};
use utoipa::ToSchema;

use super::{Api, Problem, authentication::LoggedIn, body::JsonBody, problem::ProblemBody};
use crate::{
    auth::{NewKey, NewKeyError},
    domain::{ApiKeyId, Scope, Scopes},
    store::ApiKeyRecord,
};

const MAX_NAME_CHARS: usize = 100;

/// Ten years.
const MAX_LIFETIME: Duration = Duration::days(3_652);

const LAST_MOMENT: OffsetDateTime = PrimitiveDateTime::MAX.assume_utc();

/// What a new key is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRequest {
    /// What its owner calls it.
    #[schema(min_length = 1, max_length = 100, example = "nightly reports")]
    name: String,
    /// What it may be used for; inference and history where nothing is said.
    #[serde(default = "usual_scopes")]
    #[schema(value_type = Vec<Scope>)]
    scopes: Scopes,
    /// When it ends by itself, in ten years at most; never where nothing is said.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<OffsetDateTime>,
}

fn usual_scopes() -> Scopes {
    [Scope::Inference, Scope::History].into_iter().collect()
}

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyBody {
    id: ApiKeyId,
    name: String,
    /// The beginning of the key, to tell it from others.
    #[schema(example = "uk_3fZk9QaT")]
    prefix: String,
    #[schema(value_type = Vec<Scope>)]
    scopes: Scopes,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<OffsetDateTime>,
    /// To within a few seconds.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<OffsetDateTime>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub(super) struct NewKeyBody {
    /// The key itself. It is shown this once.
    key: String,
    #[serde(flatten)]
    about: KeyBody,
}

/// All keys of a user.
#[derive(Serialize, ToSchema)]
pub(super) struct Keys {
    /// The newest last.
    keys: Vec<KeyBody>,
}

impl From<ApiKeyRecord> for KeyBody {
    fn from(record: ApiKeyRecord) -> Self {
        let ApiKeyRecord {
            id,
            user: _,
            name,
            prefix,
            hash: _,
            scopes,
            created_at,
            expires_at,
            last_used_at,
            revoked_at,
        } = record;
        Self {
            id,
            name,
            prefix,
            scopes,
            created_at,
            expires_at,
            last_used_at,
            revoked_at,
        }
    }
}

impl KeyRequest {
    fn checked(self, now: OffsetDateTime) -> Result<NewKey, Problem> {
        let invalid = |pointer, detail: String| {
            let summary = format!("The key cannot be made: {detail}.");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", summary).at(pointer, detail)
        };
        let Self {
            name,
            scopes,
            expires_at,
        } = self;
        let name = name.trim().to_owned();
        let chars = name.chars().count();
        if chars == 0 || chars > MAX_NAME_CHARS || name.chars().any(char::is_control) {
            let detail = format!("the name must have 1 to {MAX_NAME_CHARS} printable characters");
            return Err(invalid("/name", detail));
        }
        if scopes.is_empty() {
            return Err(invalid(
                "/scopes",
                "a key without a scope could do nothing".to_owned(),
            ));
        }
        // An end that UTC cannot write is beyond every bound.
        let expires_at = expires_at
            .map(|end| end.checked_to_offset(UtcOffset::UTC).unwrap_or(LAST_MOMENT))
            .map(|end| match end - now {
                left if left <= Duration::ZERO => Err("the key would have ended already".to_owned()),
                left if left > MAX_LIFETIME => Err(format!(
                    "a key lives {} days at most; one that never ends by itself has no expires_at",
                    MAX_LIFETIME.whole_days()
                )),
                _ => Ok(end),
            })
            .transpose()
            .map_err(|detail| invalid("/expires_at", detail))?;
        Ok(NewKey {
            name,
            scopes,
            expires_at,
        })
    }
}

/// Make an API key. It is shown this once.
#[utoipa::path(
    post,
    path = "/api/v1/keys",
    tag = "keys",
    request_body = KeyRequest,
    responses(
        (status = 201, description = "The key.", body = NewKeyBody),
        (status = 409, description = "There are 100 keys already that have neither ended nor been revoked.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    caller: LoggedIn,
    JsonBody(request): JsonBody<KeyRequest>,
) -> Result<impl IntoResponse, Problem> {
    let now = OffsetDateTime::now_utc();
    let new = request.checked(now)?;
    let (record, token) = api.keys.create(caller.user, new, now).await?;
    let body = NewKeyBody {
        key: token.secret().expose_secret().to_owned(),
        about: record.into(),
    };
    Ok((
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(body),
    ))
}

/// List one's API keys, those that were revoked included.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    tag = "keys",
    responses(
        (status = 200, description = "The keys, without their secrets.", body = Keys),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(State(api): State<Api>, caller: LoggedIn) -> Result<Json<Keys>, Problem> {
    let records = api.keys.of(caller.user).await?;
    let keys = records.into_iter().map(KeyBody::from).collect();
    Ok(Json(Keys { keys }))
}

/// Revoke an API key, within a second on every replica.
#[utoipa::path(
    delete,
    path = "/api/v1/keys/{id}",
    tag = "keys",
    params(("id" = ApiKeyId, Path, description = "The id of the key.")),
    responses(
        (status = 204, description = "The key is worth nothing any more."),
        (status = 404, description = "There is none of this id.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn revoke(
    State(api): State<Api>,
    caller: LoggedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("There is no API key of this id.");
    let id: ApiKeyId = id.parse().map_err(|_| missing())?;
    if api
        .keys
        .revoke(caller.user, id, OffsetDateTime::now_utc())
        .await?
    {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing())
    }
}

impl From<NewKeyError> for Problem {
    fn from(error: NewKeyError) -> Self {
        match error {
            NewKeyError::TooMany => Self::new(StatusCode::CONFLICT, "too-many-keys", error.to_string()),
            NewKeyError::Store(error) => error.into(),
        }
    }
}
