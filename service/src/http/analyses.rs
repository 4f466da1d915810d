//! The panel: ask it, as a whole or as it goes, and read a result again.

mod events;
mod options;

use axum::{
    Extension, Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Api, Problem,
    body::{JsonBody, misfit, object, unfit},
    context::RequestId,
    pages::{PageQuery, next},
    problem::ProblemBody,
};
use events::{endings, next_event, respond_with, stream};
use options::AnalysisOptions;

use crate::{
    analyses::{Analysis, Question},
    auth::Principal,
    domain::{AnalysisId, Conversation, Prompt, Turn},
    limits::Allowance,
    panel::Event,
};

static CACHE_HEADER: HeaderName = HeaderName::from_static("x-ultra-cache");

/// A question to the panel: a prompt, or a conversation that ends with one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnalysisRequest {
    /// The question. Either this or `messages` has to be there.
    prompt: Option<Prompt>,
    /// A conversation, the oldest message first; the user's last one is the question. All together are as long as a prompt
    /// at most.
    #[schema(min_items = 1, max_items = 1000)]
    messages: Option<Vec<Turn>>,
    /// What is special about this request.
    #[serde(default, deserialize_with = "object")]
    options: AnalysisOptions,
}

impl AnalysisRequest {
    fn conversation(&self) -> Result<Conversation, Problem> {
        let (pointer, detail) = match (&self.prompt, &self.messages) {
            (Some(prompt), None) => return Ok(Conversation::from(prompt)),
            (None, Some(messages)) => match Conversation::parse(messages.clone()) {
                Ok(conversation) => return Ok(conversation),
                Err(error) => ("/messages", error.to_string()),
            },
            (Some(_), Some(_)) => (
                "/messages",
                "there are prompt and messages; one of them is enough".to_owned(),
            ),
            (None, None) => ("", "there is neither prompt nor messages".to_owned()),
        };
        Err(misfit(pointer, detail))
    }
}

/// Ask the panel.
///
/// The answer is JSON, or a stream of events where the request accepts `text/event-stream`.
#[utoipa::path(
    post,
    path = "/api/v1/analyses",
    tag = "analyses",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body are answered once in 24 hours; not for streams.")),
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
    let AnalysisOptions { cache, details, .. } = request.options;
    let question = Question {
        use_cache: cache,
        key: principal.key(),
        options: request.options.panel(&api)?,
        ..Question::new(request.conversation()?, principal.account(), allowance)
    };
    if accepts_events(&headers) {
        return stream(&api, question, &request.options, request_id).await;
    }
    if request.options.resumable {
        return Err(not_a_stream());
    }
    let analysis = api.analyses.ask(question).await?;
    let cache = cache_header(&analysis);
    Ok(([(CACHE_HEADER.clone(), cache)], Json(shown(analysis, details))).into_response())
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

/// Read on where a stream broke off, that was asked for with `options.resumable`.
///
/// Events come from the one after `Last-Event-ID` on, from whichever replica. They are kept for five minutes.
#[utoipa::path(
    get,
    path = "/api/v1/analyses/{id}/events",
    tag = "analyses",
    params(
        ("id" = AnalysisId, Path, description = "The id that the first event told."),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that was read; without it all are told."),
    ),
    responses(
        (status = 200, description = "The events.", body = Event, content_type = "text/event-stream"),
        (status = "4XX", description = "There is no such stream, or not any more.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Other replicas' events cannot be read at the moment.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn resume(
    State(api): State<Api>,
    principal: Principal,
    Extension(request_id): Extension<RequestId>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id: AnalysisId = id.parse().map_err(|_| no_events())?;
    let from = next_event(&headers)?;
    let runs = &api.runs;
    let entries = runs
        .resume(principal.account(), id, from, &endings(&request_id))
        .await
        .map_err(|error| {
            tracing::warn!(%error, "a stream cannot be resumed");
            Problem::unavailable(
                "events-unavailable",
                "The events of other replicas cannot be read; try again later.",
            )
        })?;
    Ok(respond_with(entries.ok_or_else(no_events)?))
}

fn no_events() -> Problem {
    Problem::not_found("There are no events of this id, or not any more.")
}

fn not_a_stream() -> Problem {
    let detail = "is for streams; accept text/event-stream, or leave it out";
    unfit(&format!("options.resumable {detail}")).at("/options/resumable", detail)
}

fn missing() -> Problem {
    Problem::not_found("There is no analysis of this id.")
}

pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
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
        for stage in &mut analysis.stages {
            stage.answers.clear();
        }
    }
    analysis
}

pub(super) fn cache_header(analysis: &Analysis) -> String {
    analysis
        .cache
        .map_or_else(|| "miss".to_owned(), |tier| format!("hit; tier={tier}"))
}
