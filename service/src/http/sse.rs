//! Server-Sent Events: numbered, kept alive, and ended by the last one.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt as _};
use http::{HeaderValue, header};

use crate::resumable::Entry;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// An answer of events. Proxies are asked not to hold them back.
pub(super) fn respond(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = events.map(Ok::<_, Infallible>);
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    unbuffered(Sse::new(events).keep_alive(keep_alive).into_response())
}

/// An answer of events that are written already.
pub(super) fn of_bytes(events: Body) -> Response {
    let kind = HeaderValue::from_static("text/event-stream");
    unbuffered(([(header::CONTENT_TYPE, kind)], events).into_response())
}

fn unbuffered(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// One event: its number, its name, and its data.
pub(super) fn event(number: u64, entry: &Entry) -> Event {
    Event::default()
        .id(number.to_string())
        .event(&entry.name)
        .data(&entry.data)
}

/// What an event says, as JSON.
pub(super) fn entry(name: &str, data: &impl serde::Serialize) -> Entry {
    Entry {
        name: name.to_owned(),
        data: serde_json::to_string(data).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures::stream;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_quiet_stream_is_kept_alive_by_comments() {
        let mut body = respond(stream::pending()).into_body().into_data_stream();
        for beat in 1..=3 {
            let started = Instant::now();
            let sent = body.next().await.unwrap().unwrap();
            assert_eq!(sent, ": heartbeat\n\n", "beat {beat}");
            assert_eq!(started.elapsed().as_secs(), 15);
        }
    }

    #[tokio::test]
    async fn nothing_is_made_for_a_reader_that_does_not_read() {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        let endless = stream::repeat_with(move || {
            let number = counted.fetch_add(1, Ordering::SeqCst) as u64;
            event(number, &entry("synthesis.delta", &"text"))
        });
        let mut body = respond(endless).into_body().into_data_stream();
        for _ in 0..3 {
            body.next().await.unwrap().unwrap();
        }
        tokio::task::yield_now().await;
        assert_eq!(made.load(Ordering::SeqCst), 3);
    }
}
