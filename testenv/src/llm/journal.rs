//! What the provider has seen.

use std::{
    fmt::{self, Display},
    sync::Arc,
};

use axum::http::HeaderMap;
use serde_json::Value;
use tokio::sync::watch;

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path, without its query.
    pub path: String,
    /// The headers; keys can be read but are not printed.
    pub headers: HeaderMap,
    /// The model that was asked for; empty where none was.
    pub model: String,
    /// The body; null where there was none or it was not JSON.
    pub body: Value,
}

/// What the provider has seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What was received, oldest first.
    pub requests: Vec<Request>,
    /// How many clients went away before they had their whole answer.
    pub cancelled: usize,
}

impl Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} of them cancelled",
            self.requests.len(),
            self.cancelled
        )
    }
}

/// The record of everything seen, which can be waited on.
#[derive(Debug, Default)]
pub(super) struct Journal(watch::Sender<Seen>);

impl Journal {
    pub(super) fn seen(&self) -> Seen {
        self.0.borrow().clone()
    }

    pub(super) async fn wait_until(&self, condition: impl FnMut(&Seen) -> bool) {
        // The sender is borrowed, so the channel cannot close.
        let _ = self.0.subscribe().wait_for(condition).await;
    }

    /// Notes a request; the client counts as gone unless the call is completed before it is dropped.
    pub(super) fn begin(self: &Arc<Self>, request: Request) -> Call {
        let mut number = 0;
        self.0.send_modify(|seen| {
            seen.requests.push(request);
            number = seen.requests.len();
        });
        Call {
            journal: Arc::clone(self),
            number,
            complete: false,
        }
    }
}

/// A request being answered.
#[derive(Debug)]
pub(super) struct Call {
    journal: Arc<Journal>,
    number: usize,
    complete: bool,
}

impl Call {
    /// The provider's id of the request.
    pub(super) fn id(&self) -> String {
        format!("req_{:06}", self.number)
    }

    /// All that the client was to get is on its way.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.complete {
            self.journal.0.send_modify(|seen| seen.cancelled += 1);
        }
    }
}
