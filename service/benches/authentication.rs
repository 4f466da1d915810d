//! What it costs to know who asks: `cargo bench -p ultra-service --bench authentication`.
//!
//! First the authenticator alone, in process: nobody, a key in the cache, a token that was seen, a token that was not.
//! Then the service, in a process of its own, that checks as many passwords as it can with production's parameters, and
//! how long its liveness takes meanwhile, as a client sees it that waits in `read`: service, logins and that client share
//! the machine, and each thread's own wake-up is in the figure. Figures are printed, nothing is asserted.

mod program;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use program::{Result, Service};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use ultra_service::{
    auth::{
        ApiKeys, Authenticator, KeyRing, LiveKeyRing, NewKey, Passwords, Revocations, Rules, TokenRules,
        Tokens, create_account,
    },
    config::Config,
    domain::{Email, Password, Role, Scope, SessionId, UserId},
    store,
};

const ROUNDS: usize = 2_000;
const LOGIN_TIME: Duration = Duration::from_secs(10);
const LOGINS_AT_ONCE: usize = 4;
const PASSWORD: &str = "correct horse battery staple";

const VARIABLES: [(&str, &str); 4] = [
    ("ULTRA_PROFILE", "testing"),
    ("ULTRA_AUTH_REGISTRATION", "open"),
    ("ULTRA_AUTH_TRIES_PER_ACCOUNT", "1000000"),
    ("ULTRA_AUTH_TRIES_PER_ADDRESS", "1000000"),
];

/// All that recognizes callers, over a store with one user.
struct Bench {
    authenticator: Authenticator,
    tokens: Arc<Tokens>,
    keys: Arc<ApiKeys>,
    user: UserId,
}

impl Bench {
    async fn build(folder: &tempfile::TempDir) -> Result<Self> {
        let data = folder.path().join("data").display().to_string();
        let vars = VARIABLES
            .iter()
            .copied()
            .chain([("ULTRA_DATA_DIR", data.as_str())]);
        let config = Config::from_env(vars.map(|(name, value)| (name.to_owned(), value.to_owned())))?;
        let store = store::open(&config.database).await?;
        store.migrate().await?;
        let passwords = Passwords::new(&config.auth.password_hashing)?;
        let password = Password::parse(SecretString::from(PASSWORD))?;
        let email: Email = "ada@example.com".parse()?;
        let user = create_account(&*store, &passwords, email, &password, Role::User)
            .await?
            .ok_or("the store is not empty")?;
        let dir = folder.path().join("keys");
        KeyRing::generate(&dir)?;
        let rules = Rules {
            allow_hmac: false,
            refuse_known: true,
        };
        let ring = LiveKeyRing::load(&dir, rules)?;
        let rules = TokenRules {
            issuer: config.auth.issuer,
            audience: config.auth.audience,
            access_ttl: config.auth.access_token_ttl,
            accept_test_tokens: false,
        };
        let tokens = Arc::new(Tokens::new(ring, rules));
        let revocations = Arc::new(Revocations::default());
        tokio::spawn(Arc::clone(&revocations).follow(store.clone(), CancellationToken::new()));
        let keys = Arc::new(ApiKeys::new(store.clone(), revocations.clone()));
        let authenticator = Authenticator::new(store, tokens.clone(), keys.clone(), revocations, true);
        Ok(Self {
            authenticator,
            tokens,
            keys,
            user,
        })
    }

    fn token(&self) -> Result<HeaderMap> {
        let now = OffsetDateTime::now_utc();
        let issued = self
            .tokens
            .signer(now)?
            .issue(self.user, SessionId::generate(), Role::User)?;
        bearer(&issued.token)
    }

    async fn key(&self) -> Result<HeaderMap> {
        let new = NewKey {
            name: "bench".to_owned(),
            scopes: [Scope::Inference].into_iter().collect(),
            expires_at: None,
        };
        let (_, key) = self
            .keys
            .create(self.user, new, OffsetDateTime::now_utc())
            .await?;
        bearer(key.secret())
    }

    /// The median time in which these are recognized, one after the other.
    async fn median(&self, headers: &[HeaderMap]) -> Result<Duration> {
        let mut times = Vec::with_capacity(headers.len());
        for headers in headers {
            let begin = Instant::now();
            self.authenticator
                .authenticate(headers, OffsetDateTime::now_utc())
                .await?;
            times.push(begin.elapsed());
        }
        Ok(quantile(times, 50))
    }
}

fn bearer(secret: &SecretString) -> Result<HeaderMap> {
    let value = HeaderValue::try_from(format!("Bearer {}", secret.expose_secret()))?;
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

fn quantile(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

async fn recognition() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let bench = Bench::build(&folder).await?;
    let unseen: Vec<_> = (0..ROUNDS).map(|_| bench.token()).collect::<Result<_>>()?;
    let (token, key) = (bench.token()?, bench.key().await?);
    let again = |headers: &HeaderMap| vec![headers.clone(); ROUNDS];
    let mut out = std::io::stdout();
    for (what, headers) in [
        ("nobody", again(&HeaderMap::new())),
        ("a key in the cache", again(&key)),
        ("an EdDSA token not seen before", unseen),
        ("an EdDSA token seen before", again(&token)),
    ] {
        let median = bench.median(&headers).await?;
        writeln!(
            out,
            "{what}: {:.1} µs (median of {ROUNDS})",
            median.as_secs_f64() * 1e6
        )?;
    }
    Ok(())
}

/// Asks for its liveness again and again on one connection, as a thread that sleeps in `read`: each time is from the
/// request to its answer, with the wake-ups of the service's thread and of this one.
fn watch_liveness(address: &str, end: Instant) -> std::io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let request = format!("GET /health/live HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let (mut times, mut answer) = (Vec::new(), [0; 4_096]);
    while Instant::now() < end {
        let begin = Instant::now();
        stream.write_all(request.as_bytes())?;
        let length = stream.read(&mut answer)?;
        times.push(begin.elapsed());
        if !answer[..length].starts_with(b"HTTP/1.1 200") {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(times)
}

async fn logins() -> Result<()> {
    let service = Service::start(&VARIABLES)?;
    let client = reqwest::Client::new();
    service.wait_until_ready(&client).await?;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let post = async |path: &str| {
        let request = client
            .post(format!("{}/api/v1/auth/{path}", service.url))
            .json(&body);
        request.send().await?.error_for_status()?.bytes().await
    };
    post("register").await?;

    let end = Instant::now() + LOGIN_TIME;
    let login = async || {
        let mut times = Vec::new();
        while Instant::now() < end {
            let begin = Instant::now();
            post("login").await?;
            times.push(begin.elapsed());
        }
        Ok::<_, reqwest::Error>(times)
    };
    let address = service.address().to_owned();
    let live = std::thread::spawn(move || watch_liveness(&address, end));
    let logins = futures::future::try_join_all((0..LOGINS_AT_ONCE).map(|_| login())).await?;
    let live = live
        .join()
        .map_err(|_| "the watch over its liveness broke off")??;
    let logins = logins.concat();
    let mut out = std::io::stdout();
    writeln!(
        out,
        "logins: {:.1} a second, {LOGINS_AT_ONCE} at once (median {:.0} ms)",
        logins.len() as f64 / LOGIN_TIME.as_secs_f64(),
        quantile(logins, 50).as_secs_f64() * 1e3
    )?;
    writeln!(
        out,
        "/health/live meanwhile: p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
        quantile(live.clone(), 50).as_secs_f64() * 1e3,
        quantile(live.clone(), 95).as_secs_f64() * 1e3,
        quantile(live, 99).as_secs_f64() * 1e3
    )?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    // The client takes the process's default, as it was built without one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    recognition().await?;
    logins().await
}
