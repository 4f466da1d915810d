//! What others have used.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    domain::Account,
    http::{
        Api, Problem,
        problem::ProblemBody,
        usage::{Days, UsageBody},
    },
};

/// Whose usage.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Whose {
    /// A user's id, or `anonymous`; everybody's together, where nothing is said.
    #[param(example = "01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a42")]
    user: Option<String>,
}

/// Read what a user has used, or everybody together, by day and model.
#[utoipa::path(
    get,
    path = "/api/v1/admin/usage",
    tag = "admin",
    params(Whose, Days),
    responses(
        (status = 200, description = "What was used.", body = UsageBody),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn read(
    State(api): State<Api>,
    whose: Result<Query<Whose>, QueryRejection>,
    days: Result<Query<Days>, QueryRejection>,
) -> Result<Json<UsageBody>, Problem> {
    let (Query(whose), Query(days)) = (whose?, days?);
    let account: Option<Account> = whose
        .user
        .map(|user| user.parse())
        .transpose()
        .map_err(no_account)?;
    days.used(&api, account).await.map(Json)
}

fn no_account(error: impl std::fmt::Display) -> Problem {
    let detail = format!("{error}; there are a user's id and `anonymous`.");
    Problem::bad_request("invalid-value", detail.clone()).at("/user", detail)
}
