//! Does what the state machine says. All calls live inside of the one stream that [`run`] returns: dropping it
//! cancels them, and none can outlive it.

use std::{sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt as _,
    stream::{BoxStream, SelectAll},
};
use tokio::time::{Instant, timeout_at};

use super::{
    Event, Failure, Plan, Verdict,
    deliberation::{Action, CallId, Deliberation, Input},
};
use crate::llm::{Assembly, Delta, Error, Provider, Request};

/// What a running panel tells.
#[derive(Debug)]
pub enum Progress {
    /// Something has happened.
    Event(Event),
    /// It is over; nothing follows.
    Finished(Result<Verdict, Failure>),
}

/// Runs a panel to its end.
pub fn run(plan: Plan, provider: Arc<dyn Provider>) -> impl Stream<Item = Progress> + Send {
    async_stream::stream! {
        let started = Instant::now();
        let mut calls: SelectAll<BoxStream<'static, Input>> = SelectAll::new();
        let (mut panel, mut actions) = Deliberation::start(plan);
        loop {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Emit(event) => yield Progress::Event(event),
                    Action::Call { call, request } => {
                        calls.push(inputs(call, request, Arc::clone(&provider)).boxed());
                    }
                    Action::CancelCalls => calls.clear(),
                    Action::Finish(result) => {
                        yield Progress::Finished(result);
                        return;
                    }
                }
            }
            let deadline = started + panel.deadline();
            // A call that always has something ready would otherwise never let the timeout be looked at.
            let next = if Instant::now() < deadline { timeout_at(deadline, calls.next()).await.ok() } else { None };
            let input = next.flatten().unwrap_or(Input::TimeOver);
            actions = panel.apply(input, started.elapsed());
        }
    }
}

fn inputs(call: CallId, request: Request, provider: Arc<dyn Provider>) -> impl Stream<Item = Input> + Send {
    async_stream::stream! {
        let asked = Instant::now();
        let mut assembly = Assembly::default();
        let failure = match provider.stream(request).await {
            Ok(mut deltas) => loop {
                match deltas.next().await {
                    Some(Ok(delta)) => {
                        if let Delta::Text(text) = &delta {
                            yield Input::Delta { call, text: text.clone() };
                        }
                        match assembly.take(delta) {
                            Ok(None) => {}
                            Ok(Some(completion)) => {
                                let took: Duration = asked.elapsed();
                                yield Input::Completed { call, completion, took };
                                return;
                            }
                            Err(error) => break error,
                        }
                    }
                    Some(Err(error)) => break error,
                    None => break Error::Incomplete,
                }
            },
            Err(error) => error,
        };
        let refused = matches!(failure, Error::Unsupported { .. } | Error::Refused { .. });
        yield Input::Failed { call, detail: failure.to_string(), refused };
    }
}

#[cfg(test)]
mod tests;
