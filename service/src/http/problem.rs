//! Every error that leaves the service: an RFC 9457 problem, or under `/v1/` OpenAI's error object. A handler returns
//! a [`Problem`]; [`render`], outermost, writes it in the shape that the path asks for.

use axum::{
    Json,
    extract::{Request, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::context::RequestId;
use crate::{
    analyses,
    ledger::{Full, NotRecorded},
    panel::Failure,
    store,
};

const TYPE_BASE: &str = "https://ultra.dev/problems/";

/// An error as its receiver sees it. Boxed, because it travels in the `Err` of everything that is fine most of the time.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    /// The stable name: the end of `type`, and OpenAI's `code`.
    code: &'static str,
    detail: String,
    /// The part of the request that is wrong: OpenAI's `param`.
    param: Option<String>,
    errors: Vec<FieldError>,
    retry_after: Option<u64>,
    /// How to get in: `WWW-Authenticate`, which every 401 has.
    challenge: Option<String>,
    extra: Map<String, Value>,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct FieldError {
    /// Where, as a JSON pointer.
    #[schema(example = "/options/cache")]
    pointer: String,
    /// What.
    detail: String,
}

/// The wire format of a problem, RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ProblemBody {
    /// Names the kind of problem, and stays the same.
    #[schema(example = "https://ultra.dev/problems/validation")]
    r#type: String,
    /// The kind of problem for people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// Names the request in the logs.
    request_id: String,
    /// What is wrong with each field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(flatten)]
    #[schema(ignore)]
    extra: Map<String, Value>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        let extra = Map::new();
        Self(Box::new(Parts {
            status,
            code,
            detail,
            param: None,
            errors: Vec::new(),
            retry_after,
            challenge: None,
            extra,
        }))
    }

    /// A request that makes no sense.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Something that is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// A mistake of ours. What exactly went wrong belongs to the log, not to the caller.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong here; the log tells what.",
        )
    }

    /// Something that may work a little later.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
    }

    /// Names the field that is wrong, by its path in the request.
    pub fn at(mut self, pointer: &str, detail: impl Into<String>) -> Self {
        self.0.param = Some(pointer.trim_start_matches('/').replace('/', "."));
        self.0.errors.push(FieldError {
            pointer: pointer.to_owned(),
            detail: detail.into(),
        });
        self
    }

    /// Says how to get in (RFC 6750, section 3).
    pub fn challenge(mut self, challenge: String) -> Self {
        self.0.challenge = Some(challenge);
        self
    }

    /// Says when to come back.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The problem as a JSON value, for places that are no response: an event in a stream.
    pub fn to_value(&self, request_id: &str) -> Value {
        serde_json::to_value(self.body(request_id)).unwrap_or_default()
    }

    /// The problem as OpenAI writes errors.
    pub fn to_openai(&self) -> Value {
        let kind = match (self.0.status, self.0.code) {
            (status, _) if status.is_server_error() => "server_error",
            (StatusCode::TOO_MANY_REQUESTS, "insufficient-quota") => "insufficient_quota",
            (StatusCode::TOO_MANY_REQUESTS, _) => "requests",
            _ => "invalid_request_error",
        };
        let code = self.0.code.replace('-', "_");
        json!({"error": {"message": self.0.detail, "type": kind, "param": self.0.param, "code": code}})
    }

    fn body(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            r#type: format!("{TYPE_BASE}{}", self.0.code),
            title: self.0.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.0.status.as_u16(),
            detail: self.0.detail.clone(),
            request_id: request_id.to_owned(),
            errors: self.0.errors.clone(),
            extra: self.0.extra.clone(),
        }
    }

    fn into_rendered(self, openai: bool, request_id: &str, mut headers: HeaderMap) -> Response {
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::CONTENT_TYPE);
        let mut response = if openai {
            (self.0.status, Json(self.to_openai())).into_response()
        } else {
            let body = Json(self.body(request_id));
            let json = HeaderValue::from_static("application/problem+json");
            (self.0.status, [(header::CONTENT_TYPE, json)], body).into_response()
        };
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.0.challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.headers_mut().extend(headers);
        response
    }
}

// The shape depends on the path, which only `render` knows: here the problem just travels.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let names: Vec<String> = failure
            .left_out
            .iter()
            .map(|out| format!("{} ({})", out.model, out.detail))
            .collect();
        let detail = format!("{failure}. Left out: {}.", names.join("; "));
        let mut problem = Self::unavailable("too-few-models", detail);
        problem
            .0
            .extra
            .insert("left_out".to_owned(), json!(failure.left_out));
        problem
    }
}

impl From<analyses::Error> for Problem {
    fn from(error: analyses::Error) -> Self {
        match error {
            analyses::Error::Refused(refused) => refused.into(),
            analyses::Error::TooFewModels(failure) => failure.into(),
            analyses::Error::NoPrompt(problem) => {
                let detail = format!("The question makes no prompt: {problem}.");
                Self::bad_request("invalid-value", detail.clone()).at("/messages", detail)
            }
            analyses::Error::TooDear { .. } => {
                let detail = format!("The budget is too small: {error}.");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "budget-too-small", detail)
                    .at("/options/budget", error.to_string())
            }
            analyses::Error::LedgerFull(full) => full.into(),
            analyses::Error::NotRecorded(problem) => problem.into(),
            analyses::Error::NoResult => {
                tracing::error!(%error, "an analysis broke off");
                Self::internal()
            }
        }
    }
}

impl From<Full> for Problem {
    fn from(_: Full) -> Self {
        Self::unavailable(
            "ledger-full",
            "What is used cannot be recorded at the moment, so nothing is begun; try again later.",
        )
    }
}

impl From<NotRecorded> for Problem {
    fn from(_: NotRecorded) -> Self {
        Self::unavailable(
            "not-recorded",
            "What was used could not be recorded, so there is no answer; try again later.",
        )
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(
            "malformed-query",
            format!("The query cannot be read: {}.", rejection.body_text()),
        )
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        tracing::error!(%error, "the store failed a request");
        if error.is_outage() {
            Self::unavailable(
                "store-unavailable",
                "The store is unavailable; what it keeps can be read again later.",
            )
        } else {
            Self::internal()
        }
    }
}

/// Writes every error in the shape that its path asks for, those of the framework too.
pub(super) async fn render(request: Request, next: Next) -> Response {
    let openai = request.uri().path().starts_with("/v1/");
    let id = request
        .extensions()
        .get::<RequestId>()
        .cloned()
        .unwrap_or_default();
    let mut response = next.run(request).await;
    let problem = response
        .extensions_mut()
        .remove::<Problem>()
        .or_else(|| unshaped(&response));
    match problem {
        Some(problem) => problem.into_rendered(openai, id.as_str(), std::mem::take(response.headers_mut())),
        None => response,
    }
}

/// What a handler writes by itself: errors in OpenAI's shape, and a health report that fails.
const SHAPED: [&[u8]; 2] = [b"application/json", b"application/health+json"];

/// An error that some layer made without a body of ours.
fn unshaped(response: &Response) -> Option<Problem> {
    let status = response.status();
    let content_type = response
        .headers()
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    let ours = content_type.is_some_and(|kind| SHAPED.iter().any(|shaped| kind.starts_with(shaped)));
    let failed = status.is_client_error() || status.is_server_error();
    (failed && !ours).then(|| {
        Problem::new(
            status,
            "http",
            status.canonical_reason().unwrap_or("The request failed."),
        )
    })
}

/// Turns a panic into an answer, so that one request's bug is one request's problem.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over by value"
)]
pub(super) fn from_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(message, "a handler panicked");
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests;
