//! What the rows run on: the real binary, between a Postgres and a Redis of its own.

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use ultra_testenv::Stack;

use crate::{
    harness::{answer_to, until},
    program::Program,
};

/// How long a request waits for the database: for each call, so twice for a login.
pub(super) const DATABASE_WAIT: Duration = Duration::from_secs(1);

/// How long a request waits for Redis, which is once. Twice the default, so that no busy moment of the machine is taken
/// for a loss.
pub(super) const REDIS_WAIT: Duration = Duration::from_millis(500);

/// Longer than two answers of a Redis that is too slow: its return must not be told by a connection that can be made.
const REDIS_CONNECT_WAIT: &str = "2s";

/// For answers that do not come at all; far above every limit.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(20);

const EMAIL: &str = "admin@example.com";
const PASSWORD: &str = "correct horse battery staple";

const SETTINGS: [(&str, &str); 9] = [
    ("ULTRA_PROFILE", "testing"),
    ("ULTRA_DATABASE_MIGRATE", "auto"),
    ("ULTRA_AUTH_PASSWORD_MEMORY", "64"),
    ("ULTRA_AUTH_PASSWORD_ITERATIONS", "1"),
    ("ULTRA_AUTH_TRIES_PER_ACCOUNT", "100000"),
    ("ULTRA_AUTH_TRIES_PER_ADDRESS", "100000"),
    ("ULTRA_AUTH_ADMIN_EMAIL", EMAIL),
    ("ULTRA_AUTH_ADMIN_PASSWORD", PASSWORD),
    ("ULTRA_LIMITS_REFUSED_PER_ADDRESS", "1000000"),
];

/// A service between its dependencies, and an admin who uses it.
pub(super) struct Bench {
    pub(super) stack: Stack,
    program: Program,
    client: Client,
    token: String,
}

impl Bench {
    /// `small_disk`: with a disk of Postgres' that can be filled.
    pub(super) async fn start(small_disk: bool) -> Self {
        let stack = Stack::builder().postgres().redis();
        let stack = if small_disk {
            stack.small_disk()
        } else {
            stack.dedicated()
        };
        let stack = stack.start().await.unwrap();
        let (database_wait, redis_wait) = (millis(DATABASE_WAIT), millis(REDIS_WAIT));
        let mut vars = SETTINGS.to_vec();
        vars.extend([
            ("DATABASE_URL", stack.postgres().url()),
            ("ULTRA_DATABASE_ACQUIRE_TIMEOUT", database_wait.as_str()),
            ("REDIS_URL", stack.redis().url()),
            ("ULTRA_CACHE_RESPONSE_TIMEOUT", redis_wait.as_str()),
            ("ULTRA_CACHE_CONNECT_TIMEOUT", REDIS_CONNECT_WAIT),
        ]);
        // It is not about how often one client may ask.
        let program = Program::start_with_room(&vars).await;
        let mut bench = Self {
            stack,
            program,
            client: Client::builder().timeout(CLIENT_TIMEOUT).build().unwrap(),
            token: String::new(),
        };
        bench.token = bench.log_in_once_there_is_an_admin().await;
        bench.is_well().await;
        bench
    }

    async fn is_well(&self) {
        until("all is well before anything happens", async || {
            let response = self
                .get("/health")
                .send()
                .await
                .map_err(|error| error.to_string())?;
            let report: Value = response.json().await.map_err(|error| error.to_string())?;
            match report["status"] == "pass" {
                true => Ok(()),
                false => Err(report.to_string()),
            }
        })
        .await;
    }

    async fn log_in_once_there_is_an_admin(&self) -> String {
        until("the admin can log in", async || {
            let response = self.login().send().await.map_err(|error| error.to_string())?;
            let status = response.status();
            let body: Value = response.json().await.map_err(|error| error.to_string())?;
            let token = body["access_token"].as_str().map(str::to_owned);
            token.ok_or_else(|| format!("{status}: {body}"))
        })
        .await
    }

    /// A key that nobody has used yet.
    pub(super) async fn new_key(&self) -> String {
        let request = self.post("/api/v1/keys", &json!({"name": "of the matrix"}));
        let response = request.bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(response.status(), 201);
        let body: Value = response.json().await.unwrap();
        body["key"].as_str().unwrap().to_owned()
    }

    /// How often the breaker before Redis has opened.
    pub(super) async fn opened(&self) -> u64 {
        let report = self.get("/health?detailed").bearer_auth(&self.token);
        let report = answer_to(report).await;
        let breaker = &report["dependencies"]["cache"]["detail"]["redis"]["breaker"];
        breaker["opened"].as_u64().unwrap_or_else(|| panic!("{report}"))
    }

    /// The status that this key gets from the panel.
    pub(super) async fn asks(&self, key: &str) -> u16 {
        let request = self.post("/api/v1/analyses", &json!({"prompt": "Who am I?"}));
        request.bearer_auth(key).send().await.unwrap().status().as_u16()
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn login(&self) -> RequestBuilder {
        self.post(
            "/api/v1/auth/login",
            &json!({"email": EMAIL, "password": PASSWORD}),
        )
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.program.url))
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.program.url)).json(body)
    }

    /// The last lines that the service has printed.
    pub(super) fn log(&self) -> String {
        let log = self.program.log();
        let lines: Vec<_> = log
            .lines()
            .filter(|line| !line.contains("\"answered\""))
            .collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

fn millis(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}
