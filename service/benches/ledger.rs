//! Whether the ledger keeps up: `cargo bench -p ultra-service --bench ledger [-- REQUESTS]`.
//!
//! A million requests (or as many as are asked for) to one mock model, as fast as the service answers them, on SQLite and
//! on a Postgres of the test environment: requests a second, resident memory after the first 100,000 and at the end, and
//! how long after the last answer every request has its record in the store. Clients, service and database share the
//! machine; the clients write requests as bytes, so that they take little of it. Figures are printed; a request that is
//! not answered, or an answer without its record, is an error.

mod program;

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use program::{
    Result, Service,
    raw::{Connection, Told, chat},
};
use serde_json::Value;
use ultra_testenv::Stack;

const REQUESTS: u64 = 1_000_000;
const CONNECTIONS: usize = 64;
/// After how many requests memory is looked at first.
const WARM: u64 = 100_000;
/// How long the last records may take to be in the store.
const DELAY: Duration = Duration::from_secs(60);

/// What all connections do together.
#[derive(Default)]
struct Tally {
    begun: AtomicU64,
    answered: AtomicU64,
}

/// Asks on one connection, one request after the other, until all together have asked so many.
async fn ask(host: String, requests: u64, tally: Arc<Tally>) -> Told<Vec<Duration>> {
    let body = r#"{"model": "mock/analyst", "messages": [{"role": "user", "content": "Why?"}]}"#;
    let (request, mut connection) = (chat(&host, None, body), Connection::open(&host).await?);
    let mut times = Vec::new();
    while tally.begun.fetch_add(1, Ordering::Relaxed) < requests {
        let begin = Instant::now();
        connection.exchange(&request).await?;
        tally.answered.fetch_add(1, Ordering::Relaxed);
        times.push(begin.elapsed());
    }
    Ok(times)
}

/// How many records the store has.
async fn records(client: &reqwest::Client, service: &Service) -> Result<u64> {
    let usage = client.get(format!("{}/api/v1/usage", service.url));
    let usage: Value = usage.send().await?.error_for_status()?.json().await?;
    usage["total"]["requests"]
        .as_u64()
        .ok_or_else(|| usage.to_string().into())
}

async fn measure(place: &str, variables: &[(&str, &str)], requests: u64) -> Result<()> {
    let client = reqwest::Client::new();
    let service = Service::start(variables)?;
    service.wait_until_ready(&client).await?;
    let host = service.address().to_owned();
    let tally = Arc::new(Tally::default());
    let begin = Instant::now();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(ask(host.clone(), requests, tally.clone())))
        .collect();
    while tally.answered.load(Ordering::Relaxed) < WARM.min(requests)
        && connections.iter().any(|connection| !connection.is_finished())
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let warm = service.resident()?;
    let mut times = Vec::new();
    for connection in connections {
        times.extend(connection.await??);
    }
    let took = begin.elapsed();
    let used = service.resident()?;
    let end = Instant::now();
    let mut found = records(&client, &service).await?;
    while found < requests && end.elapsed() < DELAY {
        tokio::time::sleep(Duration::from_millis(20)).await;
        found = records(&client, &service).await?;
    }
    let delay = end.elapsed();
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    writeln!(
        std::io::stdout(),
        "{place}: {requests} requests in {:.1} s, {:.0} a second; p50 {:.1} ms, p99 {:.1} ms; resident {:.1} MiB after \
         {}, {:.1} MiB at the end; {found} records {:.1} s after the last answer",
        took.as_secs_f64(),
        requests as f64 / took.as_secs_f64(),
        at(0.5),
        at(0.99),
        warm as f64 / 1024.0,
        WARM.min(requests),
        used as f64 / 1024.0,
        delay.as_secs_f64(),
    )?;
    if found == requests {
        Ok(())
    } else {
        Err(format!("{found} records of {requests} answers").into())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // The client takes the process's default, as it was built without one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let requests = given.unwrap_or(REQUESTS);
    measure("SQLite", &[], requests).await?;
    let stack = Stack::builder().postgres().dedicated().start().await?;
    let database = stack.postgres().fresh_database().await?;
    measure("Postgres", &[("DATABASE_URL", database.url())], requests).await
}
