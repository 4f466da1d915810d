//! Users and invitations.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    domain::{Role, TierName, UserId},
    http::{
        Api, Problem,
        auth::AccountBody,
        authentication::Admin,
        body::JsonBody,
        pages::{PageQuery, next},
        problem::ProblemBody,
    },
};

/// Some users.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Users {
    /// In the order in which they came.
    users: Vec<AccountBody>,
    /// Goes into `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

/// What is to change about a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct UserChange {
    /// Another role; ends the user's sessions.
    role: Option<Role>,
    /// Whether the user is shut out.
    disabled: Option<bool>,
    /// Another tier, of those that the configuration has. It holds at once on this replica, and within a minute on all.
    #[schema(example = "premium")]
    tier: Option<String>,
}

/// An invitation to register.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct InviteBody {
    /// Goes into a registration. It is shown this once, and can be used once.
    invite: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: OffsetDateTime,
}

fn user_id(text: &str) -> Result<UserId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("There is no such user."))
}

/// List the users.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users",
    tag = "admin",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of users.", body = Users),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn list(
    State(api): State<Api>,
    query: Result<Query<PageQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Users>, Problem> {
    let Query(query) = query?;
    let page = query.page();
    let limit = page.limit;
    let users = api.accounts.users(page).await?;
    let next = next(&users, limit, |user| user.id.as_uuid());
    let users = users.into_iter().map(AccountBody::from).collect();
    Ok(Json(Users { users, next }))
}

fn tier_name(api: &Api, text: &str) -> Result<TierName, Problem> {
    let unknown = || {
        let names: Vec<_> = api.limits.tiers().collect();
        let detail = format!("There is no such tier; there are {}.", names.join(", "));
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", detail.clone()).at("/tier", detail)
    };
    if !api.limits.tiers().any(|name| name == text) {
        return Err(unknown());
    }
    text.parse().map_err(|_| unknown())
}

/// Change a user's role or tier, shut a user out, or let one in again. Where the user is so already, nothing happens.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/users/{id}",
    tag = "admin",
    params(("id" = UserId, Path, description = "The user.")),
    request_body = UserChange,
    responses(
        (status = 200, description = "The user as it is now.", body = AccountBody),
        (status = 409, description = "It would be one's own rights, or those of the only admin who can log in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn change(
    State(api): State<Api>,
    Admin(admin): Admin,
    Path(id): Path<String>,
    JsonBody(UserChange { role, disabled, tier }): JsonBody<UserChange>,
) -> Result<Json<AccountBody>, Problem> {
    let user = user_id(&id)?;
    let tier = tier.map(|tier| tier_name(&api, &tier)).transpose()?;
    if let Some(tier) = tier {
        api.accounts.set_tier(admin, user, tier).await?;
        api.limits.user_changed(user).await;
    }
    if let Some(role) = role {
        api.accounts.set_role(admin, user, role).await?;
    }
    if let Some(disabled) = disabled {
        api.accounts.set_disabled(admin, user, disabled).await?;
    }
    Ok(Json(api.accounts.me(user).await?.into()))
}

/// Erase a user, with their analyses, keys and sessions.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/users/{id}",
    tag = "admin",
    params(("id" = UserId, Path, description = "The user.")),
    responses(
        (status = 204, description = "The user is gone."),
        (status = 409, description = "It is oneself, or the only admin who can log in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn erase(
    State(api): State<Api>,
    Admin(admin): Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    api.accounts.erase_other(admin, user_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Invite somebody to register.
#[utoipa::path(
    post,
    path = "/api/v1/admin/invites",
    tag = "admin",
    responses(
        (status = 201, description = "The invitation.", body = InviteBody),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn invite(
    State(api): State<Api>,
    Admin(admin): Admin,
) -> Result<impl IntoResponse, Problem> {
    let (token, expires_at) = api.accounts.invite(admin).await?;
    let body = InviteBody {
        invite: token.secret().expose_secret().to_owned(),
        expires_at,
    };
    Ok((
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(body),
    ))
}
