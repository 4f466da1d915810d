use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use tokio::time::sleep;

use super::{Delta, Deltas, Error, paced};
use crate::{
    config::{MockFailure, MockModel},
    llm::Phase,
};

/// How a stand-in behaves, and how often it has been asked.
#[derive(Debug)]
pub(super) struct Script {
    model: MockModel,
    calls: AtomicU32,
}

impl Script {
    pub(super) fn new(model: MockModel) -> Self {
        Self {
            model,
            calls: AtomicU32::new(0),
        }
    }

    /// What it says, where that does not depend on the question.
    pub(super) fn text(&self) -> Option<String> {
        self.model.answer.clone()
    }

    /// What becomes of an answer.
    pub(super) async fn stream(&self, mut deltas: Vec<Delta>) -> Result<Deltas, Error> {
        let failure = self.failure();
        if let Some(latency) = self.model.latency {
            sleep(latency).await;
        }
        self.count(&mut deltas);
        let breaks_off = match failure {
            None => false,
            Some(MockFailure::BreaksOff) => true,
            Some(MockFailure::Unavailable) => return Err(Error::unavailable("this stand-in is to fail")),
            Some(MockFailure::RateLimited) => return Err(Error::RateLimited { retry_after: None }),
            Some(MockFailure::Unauthorized) => return Err(Error::Unauthorized { status: 401 }),
            Some(MockFailure::Timeout) => return Err(Error::TimedOut(Phase::FirstByte)),
        };
        if breaks_off {
            deltas.truncate(deltas.len() / 2);
        }
        let answer = match self.model.pace {
            None | Some(Duration::ZERO) => stream::iter(deltas).map(Ok).boxed(),
            Some(pace) => paced(deltas, pace),
        };
        let end = breaks_off.then_some(Err(Error::Incomplete));
        Ok(answer.chain(stream::iter(end)).boxed())
    }

    /// Whether this call fails. It counts as one.
    fn failure(&self) -> Option<MockFailure> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let every = self.model.fail_every.unwrap_or(1);
        self.model.fail.filter(|_| call.is_multiple_of(every))
    }

    fn count(&self, deltas: &mut [Delta]) {
        if let Some(Delta::End { usage, .. }) = deltas.last_mut() {
            usage.input_tokens = self.model.input_tokens.unwrap_or(usage.input_tokens);
            usage.output_tokens = self.model.output_tokens.unwrap_or(usage.output_tokens);
        }
    }
}
