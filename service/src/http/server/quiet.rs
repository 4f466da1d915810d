//! Whether a connection has gone without a request for too long.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::{
    Error,
    body::{Body, Bytes, HttpBody},
};
use http::Version;
use http_body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::Limits;

/// What is known of one connection.
#[derive(Debug, Clone)]
pub(super) struct Quiet {
    limits: Limits,
    state: Arc<Mutex<State>>,
    /// Whether there was a request.
    asked: CancellationToken,
}

#[derive(Debug)]
struct State {
    /// Requests whose answer has not ended.
    under_way: usize,
    /// Since when there is none.
    since: Instant,
    /// When the first byte came since then: of the next header.
    heard: Option<Instant>,
    /// HTTP/2 talks without a request, too: answers to pings, and windows.
    talks_anyway: bool,
}

impl Quiet {
    pub(super) fn new(limits: Limits) -> Self {
        let state = State {
            under_way: 0,
            since: Instant::now(),
            heard: None,
            talks_anyway: false,
        };
        Self {
            limits,
            state: Arc::new(Mutex::new(state)),
            asked: CancellationToken::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has rested for too long, or its next header does not come to an end.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        let slow = state
            .heard
            .is_some_and(|heard| heard.elapsed() >= self.limits.header);
        state.under_way == 0 && (slow || state.since.elapsed() >= self.limits.idle)
    }

    /// Waits for the first request, if there was none.
    pub(super) async fn first_request(&self) {
        self.asked.cancelled().await;
    }

    /// A request is there; it is under way until what this returns is dropped.
    pub(super) fn begin(&self, version: Version) -> UnderWay {
        let mut state = self.state();
        state.under_way += 1;
        state.heard = None;
        state.talks_anyway = version == Version::HTTP_2;
        drop(state);
        self.asked.cancel();
        UnderWay(self.clone())
    }

    fn hear(&self) {
        let mut state = self.state();
        if state.under_way == 0 && !state.talks_anyway && state.heard.is_none() {
            state.heard = Some(Instant::now());
        }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct UnderWay(Quiet);

impl UnderWay {
    /// The answer, to whose end the request is.
    pub(super) fn with(self, body: Body) -> Answer {
        Answer { body, _request: self }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
        state.since = Instant::now();
    }
}

/// An answer whose request is under way until it is dropped.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    _request: UnderWay,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that notes when something comes in.
#[derive(Debug)]
pub(super) struct Heard {
    stream: TcpStream,
    quiet: Quiet,
}

impl Heard {
    pub(super) fn new(stream: TcpStream, quiet: Quiet) -> Self {
        Self { stream, quiet }
    }
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.quiet.hear();
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
