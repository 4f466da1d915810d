//! `ultra-operator run`.

use crate::{controller::Controller, health, settings::Settings};
use kube::Client;
use std::io;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Why the operator could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is neither a pod's ServiceAccount nor a kubeconfig.
    #[error("no cluster to work for: run in a pod, or set KUBECONFIG: {0}")]
    NoCluster(#[from] kube::Error),
    /// The health endpoints cannot listen.
    #[error("cannot listen on {address}: {source}; set ULTRA_OPERATOR_LISTEN to a free address")]
    Listen {
        /// The address that was asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The health endpoints have failed.
    #[error("the health endpoints have failed: {0}")]
    Health(#[source] io::Error),
    /// The system refused to deliver signals.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(settings: Settings) -> Result<(), RunError> {
    let listener = TcpListener::bind(settings.listen)
        .await
        .map_err(|source| RunError::Listen {
            address: settings.listen,
            source,
        })?;
    let client = Client::try_default().await?;
    let controller = Controller::new(client, &settings);
    let stop = shutdown().map_err(RunError::Signals)?;
    tracing::info!(
        version = crate::versions::ULTRA,
        listen = %settings.listen,
        namespace = settings.watch_namespace.as_deref().unwrap_or("all"),
        "operator starts"
    );
    let health = health::serve(listener, controller.synced(), stopped(stop.clone()));
    let ((), served) = tokio::join!(controller.run(stopped(stop)), health);
    tracing::info!("operator has stopped");
    served.map_err(RunError::Health)
}

/// Turns true at the first SIGTERM or SIGINT.
fn shutdown() -> io::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        sender.send_replace(true);
    });
    Ok(receiver)
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that nobody is left to ask for the stop, which is one.
    let _ = stop.wait_for(|stop| *stop).await;
}
