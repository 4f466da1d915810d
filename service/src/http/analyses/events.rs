//! A panel as it goes: its events on the wire, and where they are read on.

use axum::{
    http::{HeaderMap, HeaderName},
    response::Response,
};
use futures::{Stream, StreamExt as _};

use super::{AnalysisOptions, shown};
use crate::{
    analyses::{Question, Update},
    http::{
        Api, Problem,
        context::RequestId,
        sse::{entry, event, respond},
    },
    ledger::NotRecorded,
    resumable::{Endings, Entries, Entry, TooMany},
};

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Asks the panel, and tells what happens. A client that goes away cancels all calls at once, unless it may come back.
pub(super) async fn stream(
    api: &Api,
    question: Question,
    options: &AnalysisOptions,
    request_id: RequestId,
) -> Result<Response, Problem> {
    let (account, id) = (question.account, question.id);
    let endings = endings(&request_id);
    let events = entries(api.analyses.run(question).await?, options.details, request_id);
    if options.resumable {
        let held = api.in_flight.token();
        return Ok(respond_with(api.runs.begin(account, id, events, &endings, held)?));
    }
    let numbered = events.enumerate();
    Ok(respond(
        numbered.map(|(number, entry)| event(number as u64, &entry)),
    ))
}

/// A stream of events that have their numbers.
pub(super) fn respond_with(entries: Entries) -> Response {
    respond(entries.map(|(number, entry)| event(number, &entry)))
}

/// The number of the first event that a client has not seen.
pub(super) fn next_event(headers: &HeaderMap) -> Result<u64, Problem> {
    let Some(last) = headers.get(&LAST_EVENT_ID) else {
        return Ok(0);
    };
    let last = last.to_str().ok().and_then(|last| last.parse::<u64>().ok());
    last.and_then(|last| last.checked_add(1)).ok_or_else(|| {
        let detail = "The header last-event-id must be the id of an event: a whole number from 0.";
        Problem::bad_request("invalid-value", detail)
    })
}

/// How a stream ends that does not end by itself.
pub(super) fn endings(request_id: &RequestId) -> Endings {
    let failed = |code, detail: &str| failed(&Problem::unavailable(code, detail), request_id);
    Endings {
        abandoned: failed(
            "abandoned",
            "Nobody has read the events for 60 seconds, so the panel was given up.",
        ),
        broken_off: failed("broken-off", "The replica that ran the panel is gone; ask again."),
    }
}

fn entries(
    updates: impl Stream<Item = Update> + Send,
    details: bool,
    request_id: RequestId,
) -> impl Stream<Item = Entry> + Send {
    updates.map(move |update| match update {
        Update::Event(happened) => entry(happened.name(), &happened),
        Update::Completed(analysis) => entry("analysis.completed", &shown(*analysis, details)),
        Update::Failed(failure) => failed(&Problem::from(failure), &request_id),
        Update::NotRecorded => failed(&Problem::from(NotRecorded), &request_id),
    })
}

fn failed(problem: &Problem, request_id: &RequestId) -> Entry {
    entry("analysis.failed", &problem.to_value(request_id.as_str()))
}

impl From<TooMany> for Problem {
    fn from(too_many: TooMany) -> Self {
        Self::unavailable(
            "too-many-resumable",
            format!("{too_many}; try again later, or without resumable."),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_on_after_the_last_event_that_was_seen() {
        let after = |last: &str| {
            let headers = HeaderMap::from_iter([(LAST_EVENT_ID.clone(), last.parse().unwrap())]);
            next_event(&headers).map_err(drop)
        };
        assert_eq!(next_event(&HeaderMap::new()).map_err(drop), Ok(0));
        assert_eq!((after("0"), after("41")), (Ok(1), Ok(42)));
        for wrong in ["", "-1", "x", "18446744073709551615"] {
            assert_eq!(after(wrong), Err(()), "{wrong:?}");
        }
    }
}
