//! The release binary as a process of its own, in the development profile with an empty data folder.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

pub(crate) mod nginx;
pub(crate) mod provider;
pub(crate) mod raw;

use std::{
    error::Error,
    fs::File,
    process::{Child, Command},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A running service, which ends with its value.
pub(crate) struct Service {
    process: Child,
    pub(crate) url: String,
    _data: tempfile::TempDir,
}

impl Service {
    /// Starts the binary with these variables beside the least that it needs, and returns when it says where it listens.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Result<Self> {
        // All analyses come from one caller, who asks more often than a free one may.
        let file = "tiers: {free: {requestsPerMinute: 1000000, panelsPerMinute: 1000000}}";
        Self::start_with(variables, file)
    }

    /// The same, with this content of its configuration file.
    pub(crate) fn start_with(variables: &[(&str, &str)], file: &str) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let log = data.path().join("log");
        let config = data.path().join("config.yaml");
        std::fs::write(&config, file)?;
        let process = Command::new(env!("CARGO_BIN_EXE_ultra-service"))
            .current_dir(data.path())
            .env_clear()
            .env("ULTRA_LISTEN", "127.0.0.1:0")
            .env("ULTRA_CONFIG_FILE", &config)
            .env("ULTRA_LOG_FORMAT", "json")
            .env("RUST_LOG", "info")
            .envs(variables.iter().copied())
            .stdout(File::create(&log)?)
            .spawn()?;
        let mut service = Self {
            process,
            url: String::new(),
            _data: data,
        };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let text = std::fs::read_to_string(&log)?;
            if let Some(url) = text
                .split_once("listening on ")
                .and_then(|(_, rest)| rest.split_once('"'))
            {
                service.url = url.0.to_owned();
                return Ok(service);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(format!("did not listen within {PATIENCE:?}").into())
    }

    /// Its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Its host and port.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Resident memory, in KiB, as Linux tells it.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let figure = line
            .and_then(|line| line.split_whitespace().nth(1))
            .ok_or("no VmRSS")?;
        Ok(figure.parse()?)
    }

    /// Waits until it takes requests.
    pub(crate) async fn wait_until_ready(&self, client: &reqwest::Client) -> Result<()> {
        let url = format!("{}/health/ready", self.url);
        let deadline = Instant::now() + PATIENCE;
        let mut last = "nothing".to_owned();
        while Instant::now() < deadline {
            last = match client.get(&url).send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => response.status().to_string(),
                Err(error) => error.to_string(),
            };
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(format!("not ready within {PATIENCE:?}; it last said {last}").into())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A process that has ended already needs neither.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
