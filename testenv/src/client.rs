//! The way to the host: found by `ULTRA_TESTENV`, else the one that bare `cargo test` processes share,
//! which the first of them starts.

mod bare;
mod binary;
mod launch;

pub(crate) use binary::host_binary;
pub(crate) use launch::launch;

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    Error,
    protocol::{Request, Response, VERSION},
};

/// Names the socket of the host to use.
pub(crate) const SOCKET_VARIABLE: &str = "ULTRA_TESTENV";

/// A connection to the host, and the lease on what is asked through it: it all goes when this is dropped.
///
/// The socket is a blocking one, used on tokio's blocking threads: so a handle may outlive the runtime that it was
/// made in (each `#[tokio::test]` has its own), and a cancelled call cannot leave half a line behind.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    stream: Arc<Mutex<BufReader<UnixStream>>>,
    socket: PathBuf,
    run: PathBuf,
}

impl Connection {
    /// Connects to the host of this run.
    pub(crate) async fn open() -> Result<Self, Error> {
        blocking(|| match std::env::var_os(SOCKET_VARIABLE) {
            Some(socket) => Self::to(Path::new(&socket)),
            None => bare::connect(),
        })
        .await
    }

    /// Connects to the host that listens on `socket`, and makes sure that both speak the same protocol.
    pub(crate) fn to(socket: &Path) -> Result<Self, Error> {
        let stream =
            UnixStream::connect(socket).map_err(Error::at("reach the test environment's host at", socket))?;
        let mut connection = Self {
            stream: Arc::new(Mutex::new(BufReader::new(stream))),
            socket: socket.to_owned(),
            run: PathBuf::new(),
        };
        match connection.exchange(&Request::Hello)? {
            Response::Hello { version, run } if version == VERSION => {
                connection.run = run;
                Ok(connection)
            }
            Response::Hello { version, .. } => Err(Error::ProtocolVersion {
                socket: socket.to_owned(),
                host: version,
                library: VERSION.to_owned(),
            }),
            other => Err(Error::unexpected("the protocol's version", &other)),
        }
    }

    /// The folder of the host's run.
    #[cfg(feature = "cli")]
    pub(crate) fn run(&self) -> &Path {
        &self.run
    }

    /// Where the host listens.
    #[cfg(feature = "cli")]
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks, and waits for the answer. A refusal is an error.
    pub(crate) async fn call(&self, request: Request) -> Result<Response, Error> {
        let connection = self.clone();
        blocking(move || connection.exchange(&request)).await
    }

    /// [`Self::call`] for where there is no runtime.
    pub(crate) fn exchange(&self, request: &Request) -> Result<Response, Error> {
        let gone = |_| Error::HostGone {
            socket: self.socket.clone(),
        };
        let mut line = serde_json::to_vec(request).map_err(|error| gone(error.into()))?;
        line.push(b'\n');
        // A panic while the lock was held leaves no half-told exchange that a later one could not detect.
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.get_mut().write_all(&line).map_err(gone)?;
        let mut answer = String::new();
        stream.read_line(&mut answer).map_err(gone)?;
        if answer.is_empty() {
            return Err(Error::HostGone {
                socket: self.socket.clone(),
            });
        }
        match serde_json::from_str(&answer) {
            Ok(Response::Refused(reason)) => Err(Error::Refused(reason)),
            Ok(response) => Ok(response),
            Err(_) => Err(Error::Protocol {
                request: format!("{request:?}"),
                answer,
            }),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::io("wait for the host", std::io::Error::other(error)))?
}
