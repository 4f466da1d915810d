//! Response bodies as a series of steps, so that a fault is data until it happens.

use std::{future, io, time::Duration};

use axum::body::{Body, Bytes};
use futures::stream;
use tokio::{task, time};

use super::{Fault, connection::ConnectionHandle, journal::Call};

/// What is done on the way to a body's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Send(Bytes),
    Wait(Duration),
    /// For ever, or until the client goes.
    Hang,
    Cut {
        reset: bool,
    },
}

/// The steps that deliver `pieces` under `fault`.
pub(super) fn steps(
    pieces: Vec<Bytes>,
    pace: Duration,
    fault: Option<&Fault>,
    error_event: Bytes,
) -> Vec<Step> {
    let mut sent = pieces;
    let rest = sent.split_off(sent.len().div_ceil(2));
    let end = match fault {
        Some(Fault::Stall) => vec![Step::Hang],
        Some(Fault::Reset) => vec![Step::Cut { reset: true }],
        Some(Fault::Truncate) => vec![Step::Cut { reset: false }],
        Some(Fault::MalformedJson) => rest
            .first()
            .map(without_json_end)
            .map(Step::Send)
            .into_iter()
            .collect(),
        Some(Fault::MalformedSse) => vec![Step::Send(Bytes::from_static(
            b"dat\xff\xfe {\"no\": colon}\n\ndata: {",
        ))],
        Some(Fault::StreamError { .. }) => vec![Step::Send(error_event)],
        _ => {
            sent.extend(rest);
            vec![]
        }
    };
    let wait = (!pace.is_zero()).then_some(Step::Wait(pace));
    sent.into_iter()
        .flat_map(|piece| wait.clone().into_iter().chain([Step::Send(piece)]))
        .chain(end)
        .collect()
}

/// An event without the last two bytes of its JSON.
fn without_json_end(event: &Bytes) -> Bytes {
    let json = event.trim_ascii_end();
    let terminator = &event[json.len()..];
    Bytes::from([&json[..json.len().saturating_sub(2)], terminator].concat())
}

/// A body that takes the steps one by one, and completes the call when none is left.
pub(super) fn body(steps: Vec<Step>, call: Call, connection: ConnectionHandle) -> Body {
    let state = (steps.into_iter(), call, connection);
    Body::from_stream(stream::unfold(
        state,
        |(mut steps, mut call, connection)| async move {
            loop {
                match steps.next()? {
                    Step::Send(bytes) => {
                        if steps.len() == 0 {
                            call.complete();
                        }
                        return Some((io::Result::Ok(bytes), (steps, call, connection)));
                    }
                    Step::Wait(time) => time::sleep(time).await,
                    Step::Hang => future::pending().await,
                    Step::Cut { reset } => {
                        // The server writes out what it has been given while this future is not ready.
                        task::yield_now().await;
                        call.complete();
                        if reset {
                            connection.reset_at_end();
                        }
                        return Some((
                            Err(io::ErrorKind::ConnectionAborted.into()),
                            (steps, call, connection),
                        ));
                    }
                }
            }
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [&str; 3] = [
        "data: {\"a\":1}\n\n",
        "data: {\"b\":{\"c\":2}}\r\n\r\n",
        "data: {\"d\":3}\n\n",
    ];

    fn taken(fault: Option<&Fault>) -> Vec<Step> {
        let pieces = EVENTS.map(|event| Bytes::from_static(event.as_bytes())).to_vec();
        steps(
            pieces,
            Duration::ZERO,
            fault,
            Bytes::from_static(b"data: {\"error\":1}\n\n"),
        )
    }

    fn send(text: &'static str) -> Step {
        Step::Send(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn without_a_fault_everything_is_sent() {
        assert_eq!(taken(None), EVENTS.map(send));
    }

    #[test]
    fn a_fault_mid_body_strikes_after_half_of_the_pieces() {
        assert_eq!(
            taken(Some(&Fault::Stall)),
            [send(EVENTS[0]), send(EVENTS[1]), Step::Hang]
        );
        assert_eq!(taken(Some(&Fault::Reset))[2], Step::Cut { reset: true });
        assert_eq!(taken(Some(&Fault::Truncate))[2], Step::Cut { reset: false });
        assert_eq!(
            taken(Some(&Fault::StreamError { status: 503 }))[2],
            send("data: {\"error\":1}\n\n")
        );
    }

    #[test]
    fn malformed_json_stands_in_a_well_formed_event() {
        assert_eq!(taken(Some(&Fault::MalformedJson))[2], send("data: {\"d\":\n\n"));
    }
}
