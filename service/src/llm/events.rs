//! Answers that come event by event, the same for every provider.

use futures::StreamExt as _;

use super::{
    Delta, Deltas, Error,
    upstream::{Answer, Frame},
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

/// The parts of an answer to a request of so many bytes.
pub(super) fn deltas<R: Reader>(mut answer: Answer, request_bytes: usize) -> Deltas {
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
    if frame.is_malformed() {
        return Err(Error::Malformed(
            "a line of its stream is none of an event".to_owned(),
        ));
    }
    match frame.data() {
        Some(data) => reader.read(&data),
        None => Ok(Some(Vec::new())),
    }
}
