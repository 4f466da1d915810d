//! How answers tell of limits: the fields of draft-ietf-httpapi-ratelimit-headers, and a problem where one is reached.

use std::fmt::Write as _;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::Response,
};

use super::Problem;
use crate::limits::{Exceeded, OverQuota, Refused, Standing, Told, whole_seconds};

pub(super) static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) static STANDING: HeaderName = HeaderName::from_static("ratelimit");
pub(super) static ALONE: HeaderName = HeaderName::from_static("x-ultra-limits");

/// The answer with what its receiver is to know of the limits.
pub(super) fn tell(told: &Told, mut response: Response) -> Response {
    let Told { standings, alone } = told;
    let headers = response.headers_mut();
    insert(
        headers,
        &POLICY,
        list(standings, |line, standing| {
            let Standing {
                limit, window, unit, ..
            } = standing;
            write!(line, ";q={limit};w={}", window.as_secs())?;
            // What a policy counts is requests, unless it says otherwise.
            if *unit == "requests" {
                Ok(())
            } else {
                write!(line, ";qu=\"{unit}\"")
            }
        }),
    );
    insert(
        headers,
        &STANDING,
        list(standings, |line, standing| {
            let Standing {
                remaining, whole_in, ..
            } = standing;
            write!(line, ";r={remaining};t={}", whole_seconds(*whole_in))
        }),
    );
    if *alone {
        headers.insert(ALONE.clone(), HeaderValue::from_static("local"));
    }
    response
}

/// A list of structured fields (RFC 9651): the limits by name, with parameters.
fn list(standings: &[Standing], write: impl Fn(&mut String, &Standing) -> std::fmt::Result) -> String {
    let mut line = String::new();
    for standing in standings {
        let separator = if line.is_empty() { "" } else { ", " };
        // Writing into a string does not fail.
        let _ = write!(line, "{separator}\"{}\"", standing.name);
        let _ = write(&mut line, standing);
    }
    line
}

fn insert(headers: &mut HeaderMap, name: &HeaderName, line: String) {
    if !line.is_empty()
        && let Ok(value) = HeaderValue::try_from(line)
    {
        headers.insert(name.clone(), value);
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate-limit-exceeded",
            sentence(&exceeded),
        )
        .retry_after(exceeded.retry_after().as_secs())
    }
}

impl From<OverQuota> for Problem {
    fn from(over: OverQuota) -> Self {
        let detail = sentence(&over);
        match over.remedy.retry_after() {
            Some(later) => Self::new(StatusCode::TOO_MANY_REQUESTS, "insufficient-quota", detail)
                .retry_after(later.as_secs()),
            // To wait does not help here.
            None => Self::new(StatusCode::FORBIDDEN, "request-exceeds-quota", detail),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooOften(exceeded) => exceeded.into(),
            Refused::TooMuch(over) => over.into(),
        }
    }
}

fn sentence(error: &impl std::error::Error) -> String {
    let text = error.to_string();
    let (first, rest) = text.split_at_checked(1).unwrap_or_default();
    format!("{}{rest}.", first.to_uppercase())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::response::IntoResponse as _;

    use super::*;

    fn standing(name: &'static str, unit: &'static str, remaining: u64, whole_in: u64) -> Standing {
        Standing {
            name,
            words: name,
            unit,
            limit: 60,
            window: Duration::from_secs(60),
            remaining,
            whole_in: Duration::from_millis(whole_in),
            next_in: Duration::ZERO,
        }
    }

    #[test]
    fn limits_are_told_as_structured_fields() {
        let told = Told {
            standings: vec![
                standing("requests", "requests", 59, 1),
                standing("tokens", "tokens", 0, 60_000),
            ],
            alone: true,
        };
        let response = tell(&told, StatusCode::OK.into_response());
        let headers = response.headers();
        assert_eq!(
            headers["ratelimit-policy"],
            "\"requests\";q=60;w=60, \"tokens\";q=60;w=60;qu=\"tokens\""
        );
        assert_eq!(headers["ratelimit"], "\"requests\";r=59;t=1, \"tokens\";r=0;t=60");
        assert_eq!(headers["x-ultra-limits"], "local");
        let silent = tell(&Told::default(), StatusCode::OK.into_response());
        assert!(silent.headers().is_empty());
    }
}
