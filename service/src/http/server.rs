//! The accept loop: how many connections there are at once, and how long one may go without a request. `axum::serve`
//! bounds neither.

mod limits;
mod quiet;

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{ServiceExt as _, service_fn};

use limits::Limits;
use quiet::{Heard, Quiet};

/// Serves a router on every connection of a listener.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    max_connections: usize,
    limits: Limits,
}

/// How long to wait where no connection can be accepted: until files are closed, as a rule.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How long a connection that was never used stays open while the service stops.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

impl Server {
    /// With at most so many connections at once, or fewer where the system allows fewer open files.
    pub fn new(max_connections: usize) -> Self {
        Self {
            max_connections: limits::connections(max_connections),
            limits: Limits::default(),
        }
    }

    /// Serves until `stop`; then no connection is accepted any more, and each that there is ends when its requests
    /// have. All are cut when this future is dropped.
    pub async fn serve(self, listener: TcpListener, router: Router, stop: CancellationToken) {
        let cut = CancellationToken::new();
        let _cut_when_dropped = cut.clone().drop_guard();
        let connections = TaskTracker::new();
        let free = Arc::new(Semaphore::new(self.max_connections));
        let serve = |stream, peer, permit: Option<OwnedSemaphorePermit>| {
            let connection = serve_one(stream, peer, router.clone(), self.limits, stop.clone());
            let cut = cut.clone();
            connections.spawn(async move {
                cut.run_until_cancelled(connection).await;
                drop(permit);
            });
        };
        let accepting = async {
            loop {
                let permit = self.permit(&free).await;
                let (stream, peer) = accept(&listener).await;
                serve(stream, peer, permit);
            }
        };
        stop.run_until_cancelled(accepting).await;
        for (stream, peer) in waiting(listener) {
            match free.clone().try_acquire_owned() {
                Ok(permit) => serve(stream, peer, Some(permit)),
                Err(_) => break,
            }
        }
        connections.close();
        connections.wait().await;
    }

    /// Further connections wait in the system's queue, and find room as soon as another ends.
    async fn permit(&self, free: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        if free.available_permits() == 0 {
            tracing::warn!(
                connections = self.max_connections,
                "no more connections are served until others end: ULTRA_HTTP_MAX_CONNECTIONS, or the system's bound on \
                 open files"
            );
        }
        free.clone().acquire_owned().await.ok()
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Who has connected and was not accepted yet. The system would reset them with the listener, after they may have sent
/// a request.
fn waiting(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else {
        return Vec::new();
    };
    // It does not block, so that this ends where nobody waits.
    let accepted = std::iter::from_fn(|| listener.accept().ok());
    accepted
        .filter_map(|(stream, peer)| {
            stream.set_nonblocking(true).ok()?;
            Some((TcpStream::from_std(stream).ok()?, peer))
        })
        .collect()
}

/// Serves one connection to its end.
async fn serve_one(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    // An answer that is there is sent, however short it is.
    let _ = stream.set_nodelay(true);
    let quiet = Quiet::new(limits);
    let io = TokioIo::new(Heard::new(stream, quiet.clone()));
    let requests = quiet.clone();
    let service = service_fn(move |request: Request<_>| {
        let under_way = requests.begin(request.version());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request);
        async move {
            let Ok::<_, Infallible>(response) = answer.await;
            Ok::<_, Infallible>(response.map(|body| under_way.with(body)))
        }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(io, TowerToHyperService::new(service)));

    let stopping = async {
        stop.cancelled().await;
        // Who has only just connected is about to ask something.
        let _ = timeout(FIRST_REQUEST, quiet.first_request()).await;
    };
    let mut stopping = pin!(stopping);
    let mut ending = false;
    let mut next_look = Instant::now() + limits.look_every;
    loop {
        let over = tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(error, "a connection broke");
                }
                return;
            }
            () = stopping.as_mut(), if !ending => true,
            () = sleep_until(next_look) => {
                let over = quiet.is_over();
                if over && ending {
                    // It was asked to end, has nothing to do, and does not read what it is sent.
                    return;
                }
                over
            }
        };
        if over && !ending {
            ending = true;
            connection.as_mut().graceful_shutdown();
        }
        next_look = Instant::now() + limits.look_every;
    }
}

/// What HTTP/1 needs to be bounded, [`Quiet`] does: hyper's own timer cannot tell a header that has begun from a
/// connection that rests, and does not run before the version is known.
fn builder() -> Builder<TokioExecutor> {
    /// A peer that is gone without a word is noticed in twice this time.
    const PING: Duration = Duration::from_secs(20);
    const MAX_STREAMS: u32 = 200;

    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(MAX_STREAMS);
    builder
}

#[cfg(test)]
mod tests;
