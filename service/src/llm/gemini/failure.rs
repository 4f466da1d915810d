//! What Gemini says where it breaks off an answer: a `google.rpc.Status`.

use std::borrow::Cow;

use serde::Deserialize;

use crate::llm::{Error, error::in_bounds, error_details::ErrorDetails};

/// What went wrong.
#[derive(Debug, Deserialize)]
pub(super) struct Status<'e> {
    #[serde(default)]
    code: u16,
    #[serde(borrow, default)]
    message: Cow<'e, str>,
    #[serde(default)]
    details: ErrorDetails,
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
        let retry_after = details.retry_delay();
        match code {
            400 if details.are_of_the_key() => Self::Unauthorized { status: code },
            401 | 403 => Self::Unauthorized { status: code },
            429 => Self::RateLimited { retry_after },
            400..500 => Self::Refused {
                status: code,
                message: in_bounds(&message),
            },
            _ => Self::Unavailable {
                detail: format!("it broke off its answer: {}", in_bounds(&message)),
                retry_after,
            },
        }
    }
}
