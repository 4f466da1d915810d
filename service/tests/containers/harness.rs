//! A running service, and how tests talk to it.

use std::{
    any::Any,
    fmt::Debug,
    io::Write as _,
    time::{Duration, Instant},
};

use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};
use tokio::{sync::oneshot, task::JoinHandle};
use ultra_service::{config::Config, startup::Application};

pub(crate) const QUESTION: &str = "Should a small team run its own Postgres?";

/// A tier in which everybody may ask as often as a test does.
pub(crate) const ROOM: &str = "tiers: {free: {requestsPerMinute: 1000000, panelsPerMinute: 1000000}}";

/// A service of its own port and data folder, built as the binary builds it.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) running: JoinHandle<std::io::Result<()>>,
    shutdown: Option<oneshot::Sender<()>>,
    _files: (TempDir, NamedTempFile),
    _kept: Option<Box<dyn Any + Send + Sync>>,
}

impl Service {
    /// On SQLite and the cache in the process.
    pub(crate) async fn alone() -> Self {
        Self::start(&[], None).await
    }

    /// With these variables, and this content of the configuration file. Most tests are not about limits, and ask more
    /// often than one user would: where they say nothing of tiers, there is room for all that they ask.
    pub(crate) async fn start(vars: &[(&str, &str)], file: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let mut all = vec![
            ("ULTRA_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            (
                "ULTRA_DATA_DIR".to_owned(),
                folder.path().join("data").display().to_string(),
            ),
            (
                "ULTRA_LIMITS_REFUSED_PER_ADDRESS".to_owned(),
                "1000000".to_owned(),
            ),
        ];
        let content = match file {
            Some(content) if content.contains("tiers:") => content.to_owned(),
            content => format!("{}\n{ROOM}", content.unwrap_or_default()),
        };
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        all.push(("ULTRA_CONFIG_FILE".to_owned(), file.path().display().to_string()));
        all.extend(
            vars.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let config = Config::from_env(all).unwrap_or_else(|errors| panic!("{errors}"));
        let application = Application::build(config).await.unwrap();
        let url = format!("http://{}", application.local_addr());
        let (shutdown, told) = oneshot::channel::<()>();
        let running = tokio::spawn(application.run_until(async move {
            // A test that ends without a word drops the sender, which ends its service too.
            let _ = told.await;
        }));
        let client = Client::builder()
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        let service = Self {
            url,
            client,
            running,
            shutdown: Some(shutdown),
            _files: (folder, file),
            _kept: None,
        };
        until("the service is ready", async || {
            let status = service
                .get("/health/ready")
                .send()
                .await
                .map(|response| response.status().as_u16());
            if matches!(status, Ok(200)) {
                Ok(())
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await;
        service
    }

    /// The same service, with something that lives as long.
    pub(crate) fn keeping(self, kept: impl Any + Send + Sync) -> Self {
        Self {
            _kept: Some(Box::new(kept)),
            ..self
        }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).json(body)
    }

    /// Asks for a completion.
    pub(crate) async fn chat(&self, body: &Value) -> Response {
        self.post("/v1/chat/completions", body).send().await.unwrap()
    }

    /// Asks the panel, and expects an answer.
    pub(crate) async fn ask(&self, prompt: &str) -> Value {
        let response = self
            .post("/api/v1/analyses", &json!({"prompt": prompt}))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// The health report.
    pub(crate) async fn health(&self) -> Value {
        answer_to(self.get("/health")).await
    }

    /// Waits until the report shows this status of the dependency.
    pub(crate) async fn dependency_is(&self, name: &str, status: &str) -> Value {
        until(&format!("{name} is {status}"), async || {
            let report = self.health().await;
            if report["dependencies"][name]["status"] == status {
                Ok(report)
            } else {
                Err(report.to_string())
            }
        })
        .await
    }

    /// Asks the service to end, as a signal does.
    pub(crate) fn shut_down(&mut self) {
        self.shutdown.take().unwrap().send(()).unwrap();
    }
}

/// Sends a request whose answer is JSON.
pub(crate) async fn answer_to(request: RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

/// A connection of a test's own.
pub(crate) async fn redis_at(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Waits for a condition; when the time is over, fails with what was seen last.
pub(crate) async fn until<T, E: Debug>(what: &str, condition: impl AsyncFn() -> Result<T, E>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match condition().await {
            Ok(value) => return value,
            Err(last) => assert!(
                Instant::now() < deadline,
                "not in time: {what}; last seen: {last:?}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All events of a stream: id, name, data.
pub(crate) async fn events(response: Response) -> Vec<(String, String, String)> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.bytes_stream().eventsource();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        let event = event.unwrap();
        events.push((event.id, event.event, event.data));
    }
    events
}

pub(crate) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
