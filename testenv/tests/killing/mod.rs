//! A host of its own for tests that kill, and what is left of a run.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder},
};

/// A host that serves this test alone, in a run of its own.
pub(crate) struct PrivateHost {
    child: Child,
    socket: PathBuf,
    run: String,
}

impl PrivateHost {
    /// Starts a host that ends with its last client.
    pub(crate) fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cargo-testenv"))
            .args(["host", "--mode", "last-client"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let socket = PathBuf::from(line.trim_end());
        let run = socket
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        Self { child, socket, run }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The names of the run's containers.
    pub(crate) async fn containers(&self) -> Vec<String> {
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&self.filters())
            .build();
        let containers = engine().list_containers(Some(options)).await.unwrap();
        containers
            .into_iter()
            .map(|container| container.names.unwrap_or_default().concat())
            .collect()
    }

    async fn networks(&self) -> Vec<String> {
        let options = ListNetworksOptionsBuilder::new().filters(&self.filters()).build();
        let networks = engine().list_networks(Some(options)).await.unwrap();
        networks.into_iter().filter_map(|network| network.name).collect()
    }

    fn filters(&self) -> std::collections::HashMap<&'static str, Vec<String>> {
        std::collections::HashMap::from([("label", vec![format!("dev.ultra.testenv.run={}", self.run)])])
    }

    /// Processes with the run's mark in their environment, and the watchdog, by its argument.
    fn processes(&self) -> Vec<String> {
        let mark = format!("ULTRA_TESTENV_RUN={}", self.run);
        let folder = self.socket.parent().unwrap().to_str().unwrap();
        let read = |path: PathBuf| {
            String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).replace('\0', " ")
        };
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter(|entry| {
                read(entry.path().join("environ")).contains(&mark)
                    || read(entry.path().join("cmdline")).contains(folder)
            })
            .map(|entry| read(entry.path().join("cmdline")))
            .collect()
    }

    /// Waits until nothing of the run is left.
    pub(crate) async fn expect_nothing_left(&self, deadline: Duration) {
        let mut left = String::new();
        let nothing_left = async || {
            let (containers, networks) = (self.containers().await, self.networks().await);
            let (processes, folder) = (self.processes(), self.socket.parent().unwrap().exists());
            left = format!(
                "containers {containers:?}, networks {networks:?}, processes {processes:?}, folder {folder}"
            );
            containers.is_empty() && networks.is_empty() && processes.is_empty() && !folder
        };
        if !holds_before(deadline, nothing_left).await {
            panic!("{deadline:?} after its end, the run {} has left {left}", self.run);
        }
    }
}

impl Drop for PrivateHost {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn engine() -> Docker {
    Docker::connect_with_defaults().unwrap()
}

/// Waits for a condition. Says whether it came to hold.
pub(crate) async fn holds_before(deadline: Duration, mut condition: impl AsyncFnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    while !condition().await {
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}
