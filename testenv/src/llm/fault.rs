//! What can go wrong at a provider.

use std::time::Duration;

use super::wire::Failure;

/// What can go wrong at a provider.
///
/// Faults "mid-body" strike when half of the answer has been sent, streamed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An error answer in the provider's own shape.
    Status {
        /// The HTTP status.
        status: u16,
        /// Seconds for the `Retry-After` header, or for Gemini's `RetryInfo`.
        retry_after: Option<u64>,
    },
    /// A stream that breaks off with the provider's own error event; a plain request gets the status.
    StreamError {
        /// The status that the event stands for.
        status: u16,
    },
    /// The answer is right but its first byte comes this late.
    Slow(Duration),
    /// Not a byte, on an open connection.
    Silence,
    /// The headers of an answer, and then not a byte of it.
    SilentBody,
    /// Mid-body, silence on an open connection.
    Stall,
    /// Mid-body, the connection is reset (a TCP RST).
    Reset,
    /// Mid-body, the connection is closed as if the answer were complete (a TCP FIN).
    Truncate,
    /// JSON that ends too early, in a stream one such event.
    MalformedJson,
    /// A stream that turns into lines and bytes that are no Server-Sent Events; a plain request gets malformed JSON.
    MalformedSse,
    /// Status 200 and a page of HTML, as proxies send it.
    WrongContentType,
    /// An error status with a page of HTML, as proxies send it when the provider is away.
    Page {
        /// The HTTP status.
        status: u16,
    },
    /// A valid answer with a text of this many bytes, streamed in one event.
    Oversized(usize),
}

impl Fault {
    /// An error answer in the provider's own shape.
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            retry_after: None,
        }
    }

    /// Says in an error answer when to come back; does nothing to any other fault.
    pub fn retry_after(self, seconds: u64) -> Self {
        match self {
            Self::Status { status, .. } => Self::Status {
                status,
                retry_after: Some(seconds),
            },
            other => other,
        }
    }

    /// The error answer that this fault is to a request, if it is one.
    pub(super) fn refusal(&self, streamed: bool) -> Option<Failure> {
        match *self {
            Self::Status { status, retry_after } => Some(Failure {
                retry_after,
                ..Failure::scripted(status)
            }),
            Self::StreamError { status } if !streamed => Some(Failure::scripted(status)),
            _ => None,
        }
    }
}
