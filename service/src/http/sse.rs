//! Server-Sent Events: numbered, kept alive, and ended by the last one.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt as _};
use http::{HeaderValue, header};

use crate::resumable::Entry;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// An answer of events. Proxies are asked not to hold them back.
pub(super) fn respond(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = events.map(Ok::<_, Infallible>);
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
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
