//! When a run ends.

use std::time::Duration;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::timeout,
};

/// How long a run without clients waits for the next: test processes come one after the other.
const GRACE: Duration = Duration::from_secs(2);

/// How long a new run waits for its first client, which has only to connect.
const FIRST_CLIENT: Duration = Duration::from_secs(20);

/// What ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// The end of its last client.
    LastClient,
    /// The end of the client that owns it.
    Owner,
    /// Being told to.
    Persistent,
}

impl Mode {
    /// The name by which `--mode` takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LastClient => "last-client",
            Self::Owner => "owner",
            Self::Persistent => "persistent",
        }
    }
}

/// Who is connected, as far as the run's end depends on it.
#[derive(Debug, Default)]
struct Attendance {
    connected: usize,
    owned: bool,
    owner_gone: bool,
    told_to_end: bool,
}

/// Knows who is connected.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    attendance: watch::Sender<Attendance>,
}

impl Clients {
    pub(super) fn new() -> Self {
        Self {
            attendance: watch::Sender::default(),
        }
    }

    pub(super) fn joined(&self) {
        self.attendance.send_modify(|now| now.connected += 1);
    }

    pub(super) fn left(&self, owner: bool) {
        self.attendance.send_modify(|now| {
            now.connected -= 1;
            now.owner_gone |= owner;
        });
    }

    pub(super) fn owned(&self) {
        self.attendance.send_modify(|now| now.owned = true);
    }

    pub(super) fn end(&self) {
        self.attendance.send_modify(|now| now.told_to_end = true);
    }

    pub(super) fn connected(&self) -> usize {
        self.attendance.borrow().connected
    }

    /// Returns when the run is to end.
    pub(super) async fn until_the_end(&self, mode: Mode) {
        tokio::select! {
            () = self.until(|now| now.told_to_end) => {}
            () = self.until_left_alone(mode) => {}
            () = terminated() => {}
        }
    }

    async fn until_left_alone(&self, mode: Mode) {
        match mode {
            Mode::Persistent => std::future::pending().await,
            Mode::Owner => {
                if timeout(FIRST_CLIENT, self.until(|now| now.owned)).await.is_ok() {
                    self.until(|now| now.owner_gone).await;
                }
            }
            Mode::LastClient => {
                let mut patience = FIRST_CLIENT;
                while timeout(patience, self.until(|now| now.connected > 0))
                    .await
                    .is_ok()
                {
                    self.until(|now| now.connected == 0).await;
                    patience = GRACE;
                }
            }
        }
    }

    async fn until(&self, condition: impl FnMut(&Attendance) -> bool) {
        // The sender lives in `self`, so the channel cannot close.
        let _ = self.attendance.subscribe().wait_for(condition).await;
    }
}

async fn terminated() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_outlives_a_pause_between_two_clients_and_ends_after_the_last() {
        let clients = Clients::new();
        let run = tokio::spawn({
            let clients = clients.clone();
            async move { clients.until_the_end(Mode::LastClient).await }
        });
        for _ in 0..2 {
            clients.joined();
            tokio::time::sleep(GRACE * 3).await;
            clients.left(false);
            tokio::time::sleep(GRACE / 2).await;
            assert!(!run.is_finished());
        }
        timeout(GRACE, run).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_ends_with_its_owner_though_others_are_connected() {
        let clients = Clients::new();
        let run = tokio::spawn({
            let clients = clients.clone();
            async move { clients.until_the_end(Mode::Owner).await }
        });
        clients.joined();
        clients.joined();
        clients.owned();
        tokio::time::sleep(GRACE * 3).await;
        assert!(!run.is_finished());
        clients.left(true);
        timeout(GRACE, run).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_whose_starter_died_before_it_connected_ends_by_itself() {
        for mode in [Mode::LastClient, Mode::Owner] {
            timeout(FIRST_CLIENT * 2, Clients::new().until_the_end(mode))
                .await
                .unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_persistent_run_ends_only_when_it_is_told_to() {
        let clients = Clients::new();
        assert!(
            timeout(FIRST_CLIENT * 10, clients.until_the_end(Mode::Persistent))
                .await
                .is_err()
        );
        clients.end();
        timeout(GRACE, clients.until_the_end(Mode::Persistent))
            .await
            .unwrap();
    }
}
