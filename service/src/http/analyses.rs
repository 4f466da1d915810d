//! The panel: ask it, as a whole or as it goes, and read a result again.

use axum::{
    Extension, Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response, sse},
};
use futures::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Api, Problem,
    body::{JsonBody, object},
    context::RequestId,
    pages::{PageQuery, next},
    problem::ProblemBody,
    sse::{event, respond},
};
use crate::{
    analyses::{Analysis, Question, Update},
    auth::Principal,
    domain::{AnalysisId, Prompt},
    ledger::NotRecorded,
    limits::Allowance,
    panel::Event,
};

static CACHE_HEADER: HeaderName = HeaderName::from_static("x-ultra-cache");

/// A question to the panel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnalysisRequest {
    /// The question.
    prompt: Prompt,
    /// What is special about this request.
    #[serde(default, deserialize_with = "object")]
    options: AnalysisOptions,
}

/// What is special about a request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct AnalysisOptions {
    /// Whether a remembered answer will do, and this one may be remembered.
    #[schema(default = true)]
    cache: bool,
    /// Whether the result is to hold every answer of every stage.
    #[schema(default = false)]
    details: bool,
}

impl Default for AnalysisOptions {
    fn default() -> Self {
        Self {
            cache: true,
            details: false,
        }
    }
}

/// Ask the panel.
///
/// The answer is JSON, or a stream of events where the request accepts `text/event-stream`.
#[utoipa::path(
    post,
    path = "/api/v1/analyses",
    tag = "analyses",
    request_body = AnalysisRequest,
    responses(
        (status = 200, description = "The panel's answer.", content(
            (Analysis = "application/json"),
            (Event = "text/event-stream"),
        )),
        (status = 503, description = "Too few models answered, or there is no room for the record.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    principal: Principal,
    Extension(allowance): Extension<Allowance>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<AnalysisRequest>,
) -> Result<Response, Problem> {
    let AnalysisRequest { prompt, options } = request;
    let question = Question {
        use_cache: options.cache,
        key: principal.key(),
        ..Question::new(prompt, principal.account(), allowance)
    };
    if accepts_events(&headers) {
        return Ok(respond(events(
            api.analyses.run(question).await?,
            options.details,
            request_id,
        )));
    }
    let analysis = api.analyses.ask(question).await?;
    let cache = cache_header(&analysis);
    Ok((
        [(CACHE_HEADER.clone(), cache)],
        Json(shown(analysis, options.details)),
    )
        .into_response())
}

/// Read one's own analysis again, with every answer of every stage.
#[utoipa::path(
    get,
    path = "/api/v1/analyses/{id}",
    tag = "analyses",
    params(("id" = AnalysisId, Path, description = "The id that the analysis was given.")),
    responses(
        (status = 200, description = "The analysis.", body = Analysis),
        (status = 404, description = "There is none of this id.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn read(
    State(api): State<Api>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Analysis>, Problem> {
    // What is no id at all names nothing either.
    let id: AnalysisId = id.parse().map_err(|_| missing())?;
    // Another's is as good as none: that it exists is nobody else's business.
    let analysis = api
        .analyses
        .find(id, principal.account())
        .await?
        .ok_or_else(missing)?;
    Ok(Json(analysis))
}

/// Some of one's own analyses.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnalysisList {
    /// The newest first, without the answers of their stages.
    analyses: Vec<Analysis>,
    /// Goes into `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

/// List one's own analyses, the newest first.
///
/// Analyses that were asked for without a credential are nobody's, and are in no list.
#[utoipa::path(
    get,
    path = "/api/v1/analyses",
    tag = "analyses",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of analyses.", body = AnalysisList),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(api): State<Api>,
    principal: Principal,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<AnalysisList>, Problem> {
    let Query(query) = query?;
    let page = query.page();
    let limit = page.limit;
    let analyses = api.analyses.list(principal.user()?, page).await?;
    let next = next(&analyses, limit, |analysis| analysis.id.as_uuid());
    Ok(Json(AnalysisList { analyses, next }))
}

/// Delete one's own analysis.
///
/// A remembered answer to the same question is no part of it, and is forgotten when its time is over.
#[utoipa::path(
    delete,
    path = "/api/v1/analyses/{id}",
    tag = "analyses",
    params(("id" = AnalysisId, Path, description = "The id that the analysis was given.")),
    responses(
        (status = 204, description = "The analysis is gone."),
        (status = 404, description = "There is none of this id.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: AnalysisId = id.parse().map_err(|_| missing())?;
    if api.analyses.delete(id, principal.account()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing())
    }
}

fn missing() -> Problem {
    Problem::not_found("There is no analysis of this id.")
}

fn events(
    updates: impl Stream<Item = Update> + Send,
    details: bool,
    request_id: RequestId,
) -> impl Stream<Item = sse::Event> + Send {
    updates.enumerate().map(move |(index, update)| match update {
        Update::Event(happened) => event(index, happened.name(), &happened),
        Update::Completed(analysis) => event(index, "analysis.completed", &shown(*analysis, details)),
        Update::Failed(failure) => event(
            index,
            "analysis.failed",
            &Problem::from(failure).to_value(request_id.as_str()),
        ),
        Update::NotRecorded => event(
            index,
            "analysis.failed",
            &Problem::from(NotRecorded).to_value(request_id.as_str()),
        ),
    })
}

fn accepts_events(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|kind| {
            kind.split(';')
                .next()
                .is_some_and(|kind| kind.trim() == "text/event-stream")
        })
}

fn shown(mut analysis: Analysis, details: bool) -> Analysis {
    if !details {
        analysis.stages.clear();
    }
    analysis
}

pub(super) fn cache_header(analysis: &Analysis) -> String {
    analysis
        .cache
        .map_or_else(|| "miss".to_owned(), |tier| format!("hit; tier={tier}"))
}
