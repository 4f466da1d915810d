//! What a provider answers where it does not answer the question.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::llm::{Error, Phase, error::in_bounds, error_details::ErrorDetails};

/// So much of a provider's own words is read.
const MOST_BYTES: usize = 64 * 1024;

/// OpenAI, Anthropic and Gemini all write `{"error": {"message": …}}`.
#[derive(Deserialize)]
struct Body {
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    message: String,
    /// With Gemini's own `Retry-After` among them.
    #[serde(default)]
    details: ErrorDetails,
}

/// Lets an answer through that is of the kind that was asked for.
pub(super) async fn check(
    response: reqwest::Response,
    streamed: bool,
    until: Instant,
) -> Result<reqwest::Response, Error> {
    let status = response.status();
    if status.is_success() {
        return of_kind(response, streamed);
    }
    let headers = response.headers().clone();
    let body = timeout_at(until, beginning(response))
        .await
        .map_err(|_| Error::TimedOut(Phase::FirstByte))?;
    Err(error(status, &headers, &body, SystemTime::now()))
}

fn of_kind(response: reqwest::Response, streamed: bool) -> Result<reqwest::Response, Error> {
    let wanted = if streamed {
        "text/event-stream"
    } else {
        "application/json"
    };
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if kind.starts_with(wanted) {
        return Ok(response);
    }
    let kind: String = kind.chars().take(100).collect();
    Err(Error::Malformed(format!(
        "it is of the type {kind:?} and not {wanted}"
    )))
}

async fn beginning(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            break;
        }
    }
    body
}

fn error(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Error {
    let told = serde_json::from_slice::<Body>(body).ok().map(|body| body.error);
    let retry_after =
        after(headers, now).or_else(|| told.as_ref().and_then(|told| told.details.retry_delay()));
    let message: String = match &told {
        Some(told) => in_bounds(&told.message),
        None => status.canonical_reason().unwrap_or("no reason given").to_owned(),
    };
    match status.as_u16() {
        400 if told.as_ref().is_some_and(|told| told.details.are_of_the_key()) => {
            Error::Unauthorized { status: 400 }
        }
        401 | 403 => Error::Unauthorized {
            status: status.as_u16(),
        },
        429 => Error::RateLimited { retry_after },
        408 | 409 | 425 | 500.. => Error::Unavailable {
            detail: format!("it says {status}: {message}"),
            retry_after,
        },
        400..500 => Error::Refused {
            status: status.as_u16(),
            message,
        },
        // Neither an answer nor an error: a redirection, most likely, of a base URL that is wrong.
        _ => Error::Malformed(format!("its status is {status}")),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), or OpenAI's finer one.
fn after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(milliseconds) = text("retry-after-ms").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(milliseconds));
    }
    let text = text("retry-after")?;
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()))
            .collect();
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:30 GMT").unwrap();
        error(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            body.as_bytes(),
            now,
        )
    }

    #[test]
    fn each_status_is_one_of_our_errors() {
        let body = r#"{"error": {"message": "Bad thing", "type": "x"}}"#;
        let message = "Bad thing".to_owned();
        for status in [400, 404, 413, 422] {
            let message = message.clone();
            assert_eq!(of(status, &[], body), Error::Refused { status, message });
        }
        for status in [401, 403] {
            assert_eq!(of(status, &[], body), Error::Unauthorized { status });
        }
        for status in [408, 500, 502, 503, 504, 529] {
            let error = of(status, &[], body);
            assert!(
                error.to_string().contains("Bad thing") && error.is_transient(),
                "{error}"
            );
        }
        assert_eq!(of(429, &[], "no json"), Error::RateLimited { retry_after: None });
        assert!(matches!(of(302, &[], ""), Error::Malformed(_)));
    }

    #[test]
    fn a_wrong_key_is_told_from_a_wrong_request() {
        let of_the_key = r#"{"error": {"message": "m", "details": [{"reason": "API_KEY_INVALID"}]}}"#;
        assert_eq!(of(400, &[], of_the_key), Error::Unauthorized { status: 400 });
        let other = r#"{"error": {"message": "m", "details": [{"reason": "BAD_IMAGE"}]}}"#;
        assert!(matches!(of(400, &[], other), Error::Refused { status: 400, .. }));
    }

    #[test]
    fn when_to_come_back_is_read_in_every_form_that_providers_use() {
        let gemini = r#"{"error": {"message": "m", "details": [{"@type": "x"}, {"retryDelay": "12.5s"}]}}"#;
        for (headers, body, milliseconds) in [
            (&[("retry-after", "7")][..], "", 7_000),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], "", 7_000),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:07 GMT")], "", 0),
            (&[("retry-after", "7"), ("retry-after-ms", "250")], "", 250),
            (&[], gemini, 12_500),
        ] {
            let after = Some(Duration::from_millis(milliseconds));
            assert_eq!(of(429, headers, body), Error::RateLimited { retry_after: after });
        }
        assert_eq!(
            of(429, &[("retry-after", "soon")], ""),
            Error::RateLimited { retry_after: None }
        );
    }

    #[test]
    fn a_providers_words_are_told_in_bounds() {
        let body = format!(r#"{{"error": {{"message": "{}"}}}}"#, "x".repeat(5_000));
        assert!(of(400, &[], &body).to_string().len() < 1_100);
    }
}
