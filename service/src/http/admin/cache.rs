//! What the caches hold, and making them forget it.

use axum::{Json, extract::State, http::header, response::IntoResponse};
use time::OffsetDateTime;

use crate::{
    cache::{self, Cleared, Stats},
    http::{Api, Problem, authentication::Admin, problem::ProblemBody},
    store::{Actor, AuditEntry},
};

/// See what the caches of this replica hold and did since it started.
#[utoipa::path(
    get,
    path = "/api/v1/admin/cache",
    tag = "admin",
    responses((status = 200, description = "The figures.", body = Stats)),
)]
pub(in crate::http) async fn read(State(api): State<Api>) -> impl IntoResponse {
    let stats = api.analyses.cache.full_stats().await;
    ([(header::CACHE_CONTROL, "no-store")], Json(stats))
}

/// Forget every remembered answer: those of all replicas, and what this one has in its process.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/cache",
    tag = "admin",
    responses(
        (status = 200, description = "What was removed.", body = Cleared),
        (status = 503, description = "Redis or the store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn clear(
    State(api): State<Api>,
    Admin(admin): Admin,
) -> Result<Json<Cleared>, Problem> {
    // First the entry: what nobody can read about does not happen.
    let now = OffsetDateTime::now_utc();
    let audit = AuditEntry::new(now, Actor::User(admin), "cache.cleared", "cache");
    api.store.audit(&audit).await?;
    Ok(Json(api.analyses.cache.clear().await?))
}

impl From<cache::Error> for Problem {
    fn from(error: cache::Error) -> Self {
        tracing::error!(%error, "the cache is unavailable");
        Self::unavailable(
            "cache-unavailable",
            "Redis does not do what is asked of it for now; this replica has forgotten its own answers.",
        )
    }
}
