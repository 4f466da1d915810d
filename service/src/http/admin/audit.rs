//! Who changed what.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        Api, Problem,
        pages::{PageQuery, next},
        problem::ProblemBody,
    },
    store::{Actor, AuditEntry},
};

/// Some entries of the audit log.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AuditLog {
    /// The newest first.
    entries: Vec<AuditBody>,
    /// Goes into `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

/// One change.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AuditBody {
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    at: OffsetDateTime,
    /// A user's id, or the part of the system that acted by itself.
    actor: String,
    /// What was done.
    #[schema(example = "user.role_changed")]
    action: String,
    /// To what.
    subject: String,
    /// How.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl From<AuditEntry> for AuditBody {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry {
            id,
            at,
            actor,
            action,
            subject,
            detail,
        } = entry;
        Self {
            id,
            at,
            actor: match actor {
                Actor::User(user) => user.to_string(),
                Actor::System(part) => part.to_string(),
            },
            action,
            subject,
            detail,
        }
    }
}

/// Read the audit log.
#[utoipa::path(
    get,
    path = "/api/v1/admin/audit",
    tag = "admin",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of it.", body = AuditLog),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn read(
    State(api): State<Api>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<AuditLog>, Problem> {
    let Query(query) = query?;
    let page = query.page();
    let limit = page.limit;
    let entries = api.store.audit_log(page).await?;
    let next = next(&entries, limit, |entry| entry.id);
    let entries = entries.into_iter().map(AuditBody::from).collect();
    Ok(Json(AuditLog { entries, next }))
}
