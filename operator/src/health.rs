//! What the kubelet asks the operator.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use std::{future::Future, io};
use tokio::{net::TcpListener, sync::watch};

/// Serves `/health/live` and `/health/ready` until the shutdown.
pub async fn serve(
    listener: TcpListener,
    synced: watch::Receiver<bool>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        // Only whether the process still answers: a restart helps against nothing that is outside of it.
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .with_state(synced);
    axum::serve(listener, routes)
        .with_graceful_shutdown(shutdown)
        .await
}

async fn ready(State(synced): State<watch::Receiver<bool>>) -> (StatusCode, &'static str) {
    if *synced.borrow() {
        (StatusCode::OK, "ready\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the watch caches are not filled yet\n",
        )
    }
}
