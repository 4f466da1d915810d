//! What Gemini says where it breaks off an answer: a `google.rpc.Status`.

use std::{borrow::Cow, time::Duration};

use serde::Deserialize;

use crate::llm::{Error, MOST_CHARACTERS};

/// What went wrong.
#[derive(Debug, Deserialize)]
pub(super) struct Status<'e> {
    #[serde(default)]
    code: u16,
    #[serde(borrow, default)]
    message: Cow<'e, str>,
    #[serde(borrow, default)]
    details: Vec<Detail<'e>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'e> {
    /// Of a `google.rpc.ErrorInfo`.
    #[serde(borrow, default)]
    reason: Cow<'e, str>,
    /// Of a `google.rpc.RetryInfo`: seconds, such as `34.07s`.
    #[serde(borrow)]
    retry_delay: Option<Cow<'e, str>>,
}

/// The code is the status, which within a stream has long been 200.
impl From<Status<'_>> for Error {
    fn from(
        Status {
            code,
            message,
            details,
        }: Status<'_>,
    ) -> Self {
        let message = || message.chars().take(MOST_CHARACTERS).collect::<String>();
        let retry_after = details
            .iter()
            .find_map(|detail| seconds(detail.retry_delay.as_deref()?));
        match code {
            // A wrong key is an invalid argument, to Google.
            400 if details.iter().any(|detail| detail.reason == "API_KEY_INVALID") => {
                Self::Unauthorized { status: code }
            }
            401 | 403 => Self::Unauthorized { status: code },
            429 => Self::RateLimited { retry_after },
            400..500 => Self::Refused {
                status: code,
                message: message(),
            },
            _ => Self::Unavailable {
                detail: format!("it broke off its answer: {}", message()),
                retry_after,
            },
        }
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
