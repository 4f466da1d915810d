//! Counts the requests that are under way, streams to their last byte, so that a shutdown can wait for them.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::{HeaderValue, Version, header},
    middleware::Next,
    response::Response,
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::Api;

/// The requests that are under way.
#[derive(Debug, Clone, Default)]
pub struct InFlight(TaskTracker);

impl InFlight {
    /// Waits for the first moment in which none is under way.
    pub async fn none_left(&self) {
        self.0.close();
        self.0.wait().await;
    }

    /// Something that counts as a request until it is dropped.
    pub(super) fn token(&self) -> TaskTrackerToken {
        self.0.token()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

pub(super) async fn count(State(api): State<Api>, request: Request, next: Next) -> Response {
    let token = api.in_flight.token();
    let version = request.version();
    let mut response = next
        .run(request)
        .await
        .map(|body| Body::new(Counted { body, _token: token }));
    // Its next request should not meet a connection that is just being closed. HTTP/2 says the same in a frame.
    if version < Version::HTTP_2 && api.health.is_draining() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// A body that counts as under way until it is dropped.
struct Counted {
    body: Body,
    _token: TaskTrackerToken,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
