//! How fast the service is ready, and how much memory it needs: `cargo bench -p ultra-service --bench startup`.
//!
//! The release binary is started anew in every round, in the development profile with an empty data folder, and asked
//! until it is ready. Medians are printed; nothing is asserted, since a figure is only as good as its machine.

use std::{
    error::Error,
    fs::File,
    io::Write as _,
    process::{Child, Command},
    time::{Duration, Instant},
};

const ROUNDS: usize = 11;
const ANALYSES: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(20);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A running service, which ends with its value.
struct Service {
    process: Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Service {
    /// Starts the binary, and returns when it says where it listens.
    fn start() -> Result<Self> {
        let data = tempfile::tempdir()?;
        let log = data.path().join("log");
        // All analyses come from one caller, who asks more often than a free one may.
        let config = data.path().join("config.yaml");
        std::fs::write(
            &config,
            "tiers: {free: {requestsPerMinute: 1000000, panelsPerMinute: 1000000}}",
        )?;
        let process = Command::new(env!("CARGO_BIN_EXE_ultra-service"))
            .current_dir(data.path())
            .env_clear()
            .env("ULTRA_LISTEN", "127.0.0.1:0")
            .env("ULTRA_CONFIG_FILE", &config)
            .env("ULTRA_LOG_FORMAT", "json")
            .env("RUST_LOG", "info")
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

    /// Resident memory, in KiB, as Linux tells it.
    fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let figure = line
            .and_then(|line| line.split_whitespace().nth(1))
            .ok_or("no VmRSS")?;
        Ok(figure.parse()?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A process that has ended already needs neither.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn wait_until_ready(client: &reqwest::Client, service: &Service) -> Result<()> {
    let url = format!("{}/health/ready", service.url);
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

async fn analyse(client: &reqwest::Client, service: &Service, prompt: String) -> Result<()> {
    let request = client.post(format!("{}/api/v1/analyses", service.url));
    let body = serde_json::json!({ "prompt": prompt });
    request
        .json(&body)
        .send()
        .await?
        .error_for_status()?
        .bytes()
        .await?;
    Ok(())
}

fn median<T: Ord + Copy>(mut figures: Vec<T>) -> T {
    figures.sort_unstable();
    figures[figures.len() / 2]
}

#[tokio::main]
async fn main() -> Result<()> {
    // The client takes the process's default, as it was built without one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let (mut ready, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let service = Service::start()?;
        wait_until_ready(&client, &service).await?;
        ready.push(begin.elapsed());
        idle.push(service.resident()?);
    }

    let service = Service::start()?;
    wait_until_ready(&client, &service).await?;
    for number in 0..ANALYSES {
        analyse(
            &client,
            &service,
            format!("What is worth knowing about the number {number}?"),
        )
        .await?;
    }
    let used = service.resident()?;
    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_ultra-service"))?.len();

    let mut out = std::io::stdout();
    writeln!(
        out,
        "start to ready: {:.0} ms (median of {ROUNDS})",
        median(ready).as_secs_f64() * 1e3
    )?;
    writeln!(
        out,
        "resident when ready: {:.1} MiB (median of {ROUNDS})",
        median(idle) as f64 / 1024.0
    )?;
    writeln!(
        out,
        "resident after {ANALYSES} analyses: {:.1} MiB",
        used as f64 / 1024.0
    )?;
    writeln!(out, "binary: {:.1} MiB", binary as f64 / 1024.0 / 1024.0)?;
    Ok(())
}
