//! What a provider's failure is to the caller of one model.

use std::time::Duration;

use http::StatusCode;

use super::model_not_found;
use crate::{bill::Bill, domain::Outcome, http::Problem, limits::whole_seconds, llm::Error};

/// When to come back, where the provider does not say.
const SOON: Duration = Duration::from_secs(1);

/// Why a model gave no answer.
pub(super) enum Failure {
    /// It was not asked.
    NotAsked(Problem),
    /// It was asked, and failed.
    Provider(Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::NotAsked(problem)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotAsked(problem) => problem,
            Failure::Provider(error) => provider_failed(error),
        }
    }
}

/// Ends a request that a provider failed.
pub(super) async fn failed(bill: Bill, error: Error) -> Failure {
    // The answer is an error, whether that is recorded or not.
    let _ = bill.finish(Outcome::Failed).await;
    Failure::Provider(error)
}

fn provider_failed(error: Error) -> Problem {
    tracing::warn!(%error, "a provider failed a request");
    match error {
        Error::UnknownModel(model) => model_not_found(model.as_str()),
        Error::Unsupported {
            parameter,
            why,
            provider,
        } => {
            let detail = format!("The parameter `{parameter}` is not supported by {provider}: {why}.");
            Problem::bad_request("unsupported-parameter", detail.clone()).at(&format!("/{parameter}"), detail)
        }
        Error::Refused { status, message } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            Problem::new(
                status,
                "provider-refused",
                format!("The model's provider refuses the request: {message}"),
            )
        }
        // Of this service's own key, not of the caller's.
        Error::Unauthorized { .. } => Problem::new(
            StatusCode::BAD_GATEWAY,
            "provider-unauthorized",
            "The model's provider does not take this service's key; whoever runs the service has to mend that.",
        ),
        Error::RateLimited { retry_after } => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "provider-rate-limited",
            "The model's provider takes no more requests for now; try again later.",
        )
        .retry_after(whole_seconds(retry_after.unwrap_or(SOON)).max(1)),
        Error::Unavailable { retry_after, .. } => Problem::unavailable(
            "provider-unavailable",
            "The model's provider is unavailable; try again later.",
        )
        .retry_after(whole_seconds(retry_after.unwrap_or(SOON)).max(1)),
        Error::TimedOut(phase) => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "provider-timeout",
            format!("The model's provider took too long {phase}."),
        ),
        Error::Malformed(_) | Error::Incomplete => Problem::new(
            StatusCode::BAD_GATEWAY,
            "provider-malformed",
            "The model's provider gave an answer that is broken.",
        ),
    }
}
