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

/// One event: its number, its name, and its data as JSON.
pub(super) fn event(number: usize, name: &str, data: &impl serde::Serialize) -> Event {
    let data = serde_json::to_string(data).unwrap_or_default();
    Event::default().id(number.to_string()).event(name).data(data)
}
