//! What it costs to ask a provider through the service: `cargo bench -p ultra-service --bench pass_through [-- ROUNDS]`.
//!
//! A stand-in provider answers at once; it is asked directly, through nginx where that is installed, and through the
//! service with an API key checked, limits enforced and usage recorded, at 1, 16 and 256 connections. The three take
//! turns in every round, and the medians of the rounds are told: requests a second, p50 and p99, and the CPU that a
//! request takes in the process between. Then a thousand streams at once: the time to the first piece, and the memory
//! that each takes. In the end every request that was answered must have its record.
//! `DATABASE_URL` and `REDIS_URL` are passed to the service where they are set.

mod program;

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use program::{
    Result, Service,
    nginx::Nginx,
    provider::Provider,
    raw::{Connection, Told, chat},
};
use serde_json::{Value, json};

const ROUNDS: usize = 5;
const CONNECTIONS: [usize; 3] = [1, 16, 256];
/// How long each way is measured in a round.
const TURN: Duration = Duration::from_millis(1_500);
const STREAMS: usize = 1_000;
/// In which Linux tells a process' CPU, on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
/// How long the last records may take to be in the store.
const DELAY: Duration = Duration::from_secs(60);

const QUESTION: &str = r#"{"model":"openai/gpt-x","messages":[{"role":"system","content":"You are brief."},{"role":"user","content":"Why do cats purr?"}],"temperature":0.5,"max_tokens":100}"#;
const STREAMED: &str = r#"{"model":"openai/gpt-x","messages":[{"role":"user","content":"Why do cats purr?"}],"stream":true,"max_tokens":100}"#;

/// Tiers in which everything is counted and nobody is stopped.
const TIERS: &str =
    "tiers: {free: {requestsPerMinute: 1000000, panelsPerMinute: 1000000, tokensPerDay: 1000000000000}}";

/// A way to the provider.
struct Way {
    name: &'static str,
    address: String,
    key: Option<String>,
    processes: Vec<u32>,
}

/// One turn of a way.
#[derive(Clone, Copy)]
struct Turn {
    per_second: f64,
    p50: f64,
    p99: f64,
    /// Microseconds of CPU a request.
    cpu: f64,
}

impl Way {
    async fn turn(&self, connections: usize, answered: &AtomicUsize) -> Result<Turn> {
        let begin = Instant::now();
        let until = begin + TURN;
        let before = cpu(&self.processes)?;
        let asking: Vec<_> = (0..connections)
            .map(|_| {
                let request = chat(&self.address, self.key.as_deref(), QUESTION);
                tokio::spawn(ask(self.address.clone(), request, until))
            })
            .collect();
        let mut times = Vec::new();
        for connection in asking {
            times.extend(connection.await??);
        }
        let took = begin.elapsed();
        let used = cpu(&self.processes)? - before;
        answered.fetch_add(times.len(), Ordering::Relaxed);
        times.sort_unstable();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
        Ok(Turn {
            per_second: times.len() as f64 / took.as_secs_f64(),
            p50: at(0.5),
            p99: at(0.99),
            cpu: used / times.len() as f64,
        })
    }
}

async fn ask(address: String, request: Vec<u8>, until: Instant) -> Told<Vec<Duration>> {
    let mut connection = Connection::open(&address).await?;
    let mut times = Vec::new();
    while Instant::now() < until {
        let begin = Instant::now();
        connection.exchange(&request).await?;
        times.push(begin.elapsed());
    }
    Ok(times)
}

/// What processes have used of the CPU by now, in microseconds.
fn cpu(processes: &[u32]) -> Result<f64> {
    let mut ticks = 0_u64;
    for process in processes {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("no stat")?;
        // utime and stime, the 14th and 15th field.
        for field in fields.split_whitespace().skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
    }
    Ok(ticks as f64 * 1e6 / TICKS_PER_SECOND)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// A user's key.
async fn api_key(client: &reqwest::Client, service: &Service) -> Result<String> {
    let account = json!({"email": "bench@example.com", "password": "correct horse battery staple"});
    let post = |path: &str, body: &Value| client.post(format!("{}{path}", service.url)).json(body);
    post("/api/v1/auth/register", &account)
        .send()
        .await?
        .error_for_status()?;
    let tokens: Value = post("/api/v1/auth/login", &account)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let token = tokens["access_token"].as_str().ok_or("no access token")?;
    let key = post("/api/v1/keys", &json!({"name": "bench"})).bearer_auth(token);
    let key: Value = key.send().await?.error_for_status()?.json().await?;
    Ok(key["key"].as_str().ok_or_else(|| key.to_string())?.to_owned())
}

/// How many records the store has of the key's owner.
async fn records(client: &reqwest::Client, service: &Service, key: &str) -> Result<u64> {
    let usage = client
        .get(format!("{}/api/v1/usage", service.url))
        .bearer_auth(key);
    let usage: Value = usage.send().await?.error_for_status()?.json().await?;
    usage["total"]["requests"]
        .as_u64()
        .ok_or_else(|| usage.to_string().into())
}

/// A thousand streams at once, of which each has its first piece and waits for the next.
async fn streams(way: &Way, provider: &Provider, service: Option<&Service>) -> Result<()> {
    provider.go_on(false);
    let before = service.map(Service::resident).transpose()?;
    let request = chat(&way.address, way.key.as_deref(), STREAMED);
    let mut open = Vec::new();
    let mut times = Vec::new();
    for _ in 0..STREAMS {
        let mut connection = Connection::open(&way.address).await?;
        let begin = Instant::now();
        connection.send(&request).await?;
        connection.first_piece().await?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        open.push(connection);
    }
    let each = match (before, service) {
        (Some(before), Some(service)) => {
            let more = service.resident()?.saturating_sub(before);
            format!(", {:.1} KiB each in the service", more as f64 / STREAMS as f64)
        }
        _ => String::new(),
    };
    provider.go_on(true);
    for connection in &mut open {
        while connection.chunk().await? > 0 {}
    }
    say(&format!(
        "{STREAMS} streams, {}: first piece after {:.3} ms{each}",
        way.name,
        median(times)
    ))
}

fn main() -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let rounds = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok());
    // One thread for the clients and the provider: what they take is the same for every way.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(rounds.unwrap_or(ROUNDS)))
}

async fn measure(rounds: usize) -> Result<()> {
    let provider = Provider::start().await?;
    let nginx = Nginx::start(provider.address)?;
    let base_url = format!("http://{}/v1", provider.address);
    let file = format!(
        "{TIERS}\nproviders: [{{name: openai, kind: openai, baseUrl: '{base_url}'}}]\n\
         panel: {{models: [openai/gpt-x, openai/gpt-y], synthesizer: openai/gpt-z}}\n"
    );
    let mut variables = vec![("ULTRA_MODE", "real")];
    let given: Vec<_> = ["DATABASE_URL", "REDIS_URL"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .collect();
    variables.extend(given.iter().map(|(name, value)| (*name, value.as_str())));
    let service = Service::start_with(&variables, &file)?;
    let client = reqwest::Client::new();
    service.wait_until_ready(&client).await?;
    let key = api_key(&client, &service).await?;
    let first = records(&client, &service, &key).await?;

    let direct = Way {
        name: "direct",
        address: provider.address.to_string(),
        key: None,
        processes: Vec::new(),
    };
    let through = Way {
        name: "ultra",
        address: service.address().to_owned(),
        key: Some(key.clone()),
        processes: vec![service.process_id()],
    };
    let mut ways = vec![direct];
    if let Some(nginx) = &nginx {
        ways.push(Way {
            name: "nginx",
            address: nginx.address.clone(),
            key: None,
            processes: nginx.processes()?,
        });
    } else {
        say("nginx is not installed: its row is left out")?;
    }
    ways.push(through);

    let answered: Vec<_> = ways.iter().map(|_| Arc::new(AtomicUsize::new(0))).collect();
    for connections in CONNECTIONS {
        let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); ways.len()];
        // The first round warms up and does not count.
        for round in 0..=rounds {
            for (index, way) in ways.iter().enumerate() {
                let turn = way.turn(connections, &answered[index]).await?;
                if round > 0 {
                    turns[index].push(turn);
                }
            }
        }
        let of = |index: usize, figure: fn(&Turn) -> f64| median(turns[index].iter().map(figure).collect());
        for (index, way) in ways.iter().enumerate() {
            say(&format!(
                "{connections:>3} connections, {:<6}: {:>6.0} requests/s; p50 {:.3} ms (added {:.3}), p99 {:.3} ms \
                 (added {:.3}); CPU {:.1} us a request",
                way.name,
                of(index, |turn| turn.per_second),
                of(index, |turn| turn.p50),
                of(index, |turn| turn.p50) - of(0, |turn| turn.p50),
                of(index, |turn| turn.p99),
                of(index, |turn| turn.p99) - of(0, |turn| turn.p99),
                of(index, |turn| turn.cpu),
            ))?;
        }
    }

    let last = ways.len() - 1;
    for (index, way) in ways.iter().enumerate() {
        streams(way, &provider, (index == last).then_some(&service)).await?;
    }
    let expected = answered[last].load(Ordering::Relaxed) as u64 + STREAMS as u64;
    let end = Instant::now();
    let mut found = records(&client, &service, &key).await? - first;
    while found < expected && end.elapsed() < DELAY {
        tokio::time::sleep(Duration::from_millis(20)).await;
        found = records(&client, &service, &key).await? - first;
    }
    say(&format!(
        "{expected} requests answered, {found} recorded, {:.1} s after the last; resident {:.1} MiB",
        end.elapsed().as_secs_f64(),
        service.resident()? as f64 / 1024.0
    ))?;
    if found == expected {
        Ok(())
    } else {
        Err("records are missing".into())
    }
}
