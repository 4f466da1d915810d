//! How fast the service is ready, and how much memory it needs: `cargo bench -p ultra-service --bench startup`.
//!
//! The release binary is started anew in every round, in the development profile with an empty data folder, and asked
//! until it is ready. Medians are printed; nothing is asserted, since a figure is only as good as its machine.

mod program;

use std::{io::Write as _, time::Instant};

use program::{Result, Service};

const ROUNDS: usize = 11;
const ANALYSES: usize = 2_000;

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
        let service = Service::start(&[])?;
        service.wait_until_ready(&client).await?;
        ready.push(begin.elapsed());
        idle.push(service.resident()?);
    }

    let service = Service::start(&[])?;
    service.wait_until_ready(&client).await?;
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
