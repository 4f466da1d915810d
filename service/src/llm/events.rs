//! Answers that come event by event, the same for every provider.

use futures::StreamExt as _;

use serde::Serialize;

use super::{
    Delta, Deltas, Error, Request,
    upstream::{Answer, Frame, Post, Upstream},
};
use crate::domain::Usage;

/// Reads one answer of one provider.
pub(super) trait Reader: Default + Send + 'static {
    /// Takes in the data of an event. None: the answer is whole, and nothing follows.
    fn read(&mut self, data: &[u8]) -> Result<Option<Vec<Delta>>, Error>;

    /// The end of the answer, once its stream has ended as it should. `guess` stands in where the provider does not
    /// count.
    fn end(&self, guess: impl FnOnce() -> Usage) -> Result<Delta, Error>;
}

/// Sends a request, which is this body in the provider's words, and reads its answer.
pub(super) async fn ask<R: Reader>(
    upstream: &Upstream,
    request: &Request,
    path: &str,
    body: &impl Serialize,
) -> Result<Deltas, Error> {
    let body = serde_json::to_vec(body)
        .map_err(|error| Error::unavailable(format!("the request cannot be written down: {error}")))?;
    let post = Post {
        model: request.model.name(),
        path,
        streamed: true,
        body: body.into(),
    };
    let answer = upstream.post(post).await?;
    Ok(deltas::<R>(answer, request.bytes()))
}

/// The parts of an answer to a request of so many bytes.
fn deltas<R: Reader>(mut answer: Answer, request_bytes: usize) -> Deltas {
    let deltas = async_stream::stream! {
        let mut reader = R::default();
        let mut written = 0;
        let end = loop {
            let read = match answer.frame().await {
                Ok(Some(frame)) => read(&mut reader, &frame),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            match read {
                Ok(Some(deltas)) => {
                    for delta in deltas {
                        written += delta.bytes();
                        yield Ok(delta);
                    }
                }
                Ok(None) => break reader.end(|| Usage::guess(request_bytes, written)),
                Err(error) => break Err(error),
            }
        };
        match &end {
            Ok(_) => answer.succeeded(),
            Err(error) => answer.failed(error),
        }
        yield end;
    };
    deltas.boxed()
}

fn read(reader: &mut impl Reader, frame: &Frame) -> Result<Option<Vec<Delta>>, Error> {
    match frame.data()? {
        Some(data) => reader.read(&data),
        None => Ok(Some(Vec::new())),
    }
}
