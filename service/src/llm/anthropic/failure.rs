//! What Anthropic says where it breaks off an answer.

use std::borrow::Cow;

use serde::Deserialize;

use crate::llm::{Error, error::in_bounds};

/// What went wrong.
#[derive(Debug, Deserialize)]
pub(super) struct Detail<'e> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'e, str>,
    #[serde(borrow, default)]
    message: Cow<'e, str>,
}

/// Within a stream, where the status has long been 200, the kind tells what the status would have told.
impl From<Detail<'_>> for Error {
    fn from(Detail { kind, message }: Detail<'_>) -> Self {
        let refused = |status| Self::Refused {
            status,
            message: in_bounds(&message),
        };
        match &*kind {
            "invalid_request_error" => refused(400),
            "not_found_error" => refused(404),
            "request_too_large" => refused(413),
            "authentication_error" => Self::Unauthorized { status: 401 },
            "permission_error" => Self::Unauthorized { status: 403 },
            "rate_limit_error" => Self::RateLimited { retry_after: None },
            _ => Self::broke_off(&message),
        }
    }
}
