//! What a look at the service's health costs while what it depends on hangs: `cargo bench -p ultra-service --bench health`.
//!
//! The release binary runs on a Postgres and a Redis of its own. It is asked over one kept connection: first while both
//! are well, then while both are frozen, which is the worst that can happen to whoever waits. Percentiles are printed,
//! with those of `/health/live`, which touches nothing: what is above that is the report. Nothing is asserted, since a
//! figure is only as good as its machine.

mod program;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use program::{Result, Service};
use ultra_testenv::Stack;

const REQUESTS: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(20);
const PATHS: [&str; 3] = ["/health/live", "/health/ready", "/health"];

/// Waits until the report says this of the whole.
fn wait_for(service: &Service, status: &str) -> Result<()> {
    let mut client = Client::connect(service)?;
    let deadline = Instant::now() + PATIENCE;
    let expected = format!("\"status\":\"{status}\",");
    while Instant::now() < deadline {
        let (_, body) = client.get("/health")?;
        // The first one is of the whole.
        if body.find(&expected).is_some_and(|at| at < 5) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("the report did not become {status} within {PATIENCE:?}").into())
}

/// A client that costs next to nothing itself.
struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    fn connect(service: &Service) -> Result<Self> {
        let stream = TcpStream::connect(service.address())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            answer: vec![0; 64 * 1024],
        })
    }

    /// How long the whole answer took, and its body.
    fn get(&mut self, path: &str) -> Result<(Duration, &str)> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let asked = Instant::now();
        self.stream.write_all(request.as_bytes())?;
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut self.answer[length..])?;
            if read == 0 {
                return Err("the connection was closed".into());
            }
            length += read;
            let text = std::str::from_utf8(&self.answer[..length])?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let expected = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .ok_or("an answer without a length")?;
            if body.len() >= expected.parse()? {
                let took = asked.elapsed();
                let at = head.len() + 4;
                return Ok((took, std::str::from_utf8(&self.answer[at..length])?));
            }
        }
    }
}

fn measure(service: &Service, state: &str) -> Result<()> {
    let mut client = Client::connect(service)?;
    for path in PATHS {
        let mut times = Vec::with_capacity(REQUESTS);
        for _ in 0..REQUESTS {
            times.push(client.get(path)?.0);
        }
        times.sort_unstable();
        let micros = |share: f64| times[(REQUESTS as f64 * share) as usize].as_secs_f64() * 1e6;
        writeln!(
            std::io::stdout(),
            "{state}: GET {path}: p50 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs ({REQUESTS} requests)",
            micros(0.5),
            micros(0.99),
            micros(0.999)
        )?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let stack = Stack::builder().postgres().redis().dedicated().start().await?;
    let service = Service::start(&[
        ("DATABASE_URL", stack.postgres().url()),
        ("REDIS_URL", stack.redis().url()),
    ])?;
    wait_for(&service, "pass")?;
    measure(&service, "all well")?;
    stack.postgres().pause().await?;
    stack.redis().pause().await?;
    wait_for(&service, "warn")?;
    measure(&service, "both hung")?;
    // Paused containers are removed all the same, but not stopped first.
    stack.postgres().unpause().await?;
    stack.redis().unpause().await?;
    Ok(())
}
