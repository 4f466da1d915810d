//! Requests to a host, in the words of its protocol.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use serde_json::Value;

/// A connection to a host: what it is given goes when this is dropped.
pub(crate) struct Session {
    stream: UnixStream,
    answers: std::io::Lines<BufReader<UnixStream>>,
}

impl Session {
    /// Connects. `None`: nobody listens any more.
    pub(crate) fn open(socket: &Path) -> Option<Self> {
        let stream = UnixStream::connect(socket).ok()?;
        let answers = BufReader::new(stream.try_clone().ok()?).lines();
        Some(Self { stream, answers })
    }

    /// Sends a request, and waits for its answer. `None`: the host has ended.
    pub(crate) fn ask(&mut self, request: &Value) -> Option<Value> {
        writeln!(self.stream, "{request}").ok()?;
        let answer = self.answers.next()?.ok()?;
        Some(serde_json::from_str(&answer).unwrap())
    }

    /// Waits until the host has ended.
    pub(crate) fn until_closed(mut self) {
        let _ = self.answers.next();
    }
}
