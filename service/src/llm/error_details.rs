use std::time::Duration;

use serde::Deserialize;

/// What Google adds to an error (`google.rpc.ErrorInfo`, `google.rpc.RetryInfo`); nobody else has any.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct ErrorDetails(Vec<Detail>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    /// Of an `ErrorInfo`.
    reason: Option<String>,
    /// Of a `RetryInfo`: seconds, such as `34.07s`.
    retry_delay: Option<String>,
}

impl ErrorDetails {
    /// Whether the key is wrong: to Google, that is an invalid argument.
    pub(super) fn are_of_the_key(&self) -> bool {
        let mut reasons = self.0.iter().filter_map(|detail| detail.reason.as_deref());
        reasons.any(|reason| reason == "API_KEY_INVALID")
    }

    /// When to come back.
    pub(super) fn retry_delay(&self) -> Option<Duration> {
        self.0
            .iter()
            .find_map(|detail| seconds(detail.retry_delay.as_deref()?))
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
