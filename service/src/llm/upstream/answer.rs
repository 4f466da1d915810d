use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::{Frame, frames::Frames, gate::Pass};
use crate::{
    config::ProviderBounds as Bounds,
    llm::{Error, Phase},
};

/// Far more than any answer needs.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// An answer that has begun. Whoever reads it says in the end how it went; dropped before that, the call is cancelled.
pub struct Answer {
    response: reqwest::Response,
    pass: Pass,
    frames: Frames,
    chunk: Duration,
    /// When the next piece has to be there, while none has come.
    first: Option<Instant>,
    deadline: Instant,
}

impl Answer {
    pub(super) fn new(
        response: reqwest::Response,
        pass: Pass,
        bounds: &Bounds,
        streamed: bool,
        deadline: Instant,
    ) -> Self {
        Self {
            response,
            pass,
            frames: Frames::default(),
            chunk: bounds.chunk,
            first: streamed.then(|| Instant::now() + bounds.first_byte),
            deadline,
        }
    }

    /// All of it.
    pub async fn whole(&mut self) -> Result<Bytes, Error> {
        let length = self.response.content_length().unwrap_or_default();
        if length > MOST_BYTES as u64 {
            return Err(too_large());
        }
        let first = self.piece(self.deadline, Phase::Total).await?.unwrap_or_default();
        if first.len() as u64 == length {
            return Ok(first);
        }
        let mut all = first.to_vec();
        while let Some(piece) = self.piece(self.deadline, Phase::Total).await? {
            if all.len() + piece.len() > MOST_BYTES {
                return Err(too_large());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }

    /// The next event of a stream; none, where it is over.
    pub async fn frame(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if let Some(frame) = self.frames.next() {
                return Ok(Some(frame));
            }
            let (until, phase) = match self.first {
                Some(until) => (until, Phase::FirstByte),
                None => (Instant::now() + self.chunk, Phase::NextChunk),
            };
            let (until, phase) = if self.deadline <= until {
                (self.deadline, Phase::Total)
            } else {
                (until, phase)
            };
            let Some(piece) = self.piece(until, phase).await? else {
                return if self.frames.has_rest() {
                    Err(Error::Incomplete)
                } else {
                    Ok(None)
                };
            };
            self.first = None;
            self.frames.push(&piece)?;
        }
    }

    /// Says that all of it was right.
    pub fn succeeded(self) {
        self.pass.succeeded();
    }

    /// Says that it failed on its way.
    pub fn failed(self, error: &Error) {
        self.pass.failed(error);
    }

    async fn piece(&mut self, until: Instant, phase: Phase) -> Result<Option<Bytes>, Error> {
        timeout_at(until, self.response.chunk())
            .await
            .map_err(|_| Error::TimedOut(phase))?
            .map_err(broken_off)
    }
}

fn too_large() -> Error {
    Error::Malformed(format!("it has more than {MOST_BYTES} bytes"))
}

/// What went wrong on the wire. The URL is left out: it may be an internal one.
pub(super) fn broken_off(error: reqwest::Error) -> Error {
    let error = error.without_url();
    if error.is_connect() && error.is_timeout() {
        return Error::TimedOut(Phase::Connect);
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let what = if error.is_connect() {
        "it cannot be reached"
    } else {
        "the connection broke off"
    };
    Error::unavailable(format!("{what}: {cause}"))
}
