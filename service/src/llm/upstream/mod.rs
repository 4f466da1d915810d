//! The way to a provider over HTTP: one client with its pool, bounds on time and on how much goes on at once, tries
//! anew where that is safe, and a breaker for each model. The adapters add what is said over it.

mod answer;
mod api_key;
mod breaker;
mod frames;
mod gate;
mod refusal;
mod retries;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use rustls::RootCertStore;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

pub use answer::Answer;
pub use api_key::ApiKey;
pub use frames::Frame;
use gate::Gate;
use retries::Retries;

use crate::{
    config::ProviderBounds as Bounds,
    llm::{Error, Phase},
};

/// A provider's client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client of a provider cannot be made: {0}")]
pub struct InvalidClient(String);

/// One provider, over HTTP.
pub struct Upstream {
    client: reqwest::Client,
    base: Url,
    key: Arc<ApiKey>,
    bounds: Bounds,
    gate: Gate,
    retries: Retries,
}

/// What is sent to a provider.
#[derive(Debug)]
pub struct Post<'a> {
    /// The model, as the provider names it: breaker and concurrency are its own.
    pub model: &'a str,
    /// Below the provider's base URL, such as `chat/completions`; a query may follow.
    pub path: &'a str,
    /// Whether the answer is to be a stream of events.
    pub streamed: bool,
    /// JSON.
    pub body: Bytes,
}

impl Upstream {
    /// A provider at this base URL. The headers go with every request, the key in its own one.
    pub fn new(
        base: Url,
        key: Arc<ApiKey>,
        headers: HeaderMap,
        bounds: Bounds,
    ) -> Result<Self, InvalidClient> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls()?)
            .connect_timeout(bounds.connect)
            // Every answer is one of a service that was asked for by name; where it is elsewhere, the base URL is wrong.
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(bounds.concurrency)
            .default_headers(headers)
            .user_agent(concat!("ultra-service/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| InvalidClient(error.to_string()))?;
        Ok(Self {
            client,
            base: with_folder(base),
            key,
            bounds,
            gate: Gate::new(&bounds),
            retries: Retries::new(bounds.retries),
        })
    }

    /// Sends a request, and anew where it failed on its way and that is safe. The answer has begun: from here on it
    /// is read, or the call has failed.
    pub async fn post(&self, post: Post<'_>) -> Result<Answer, Error> {
        let started = Instant::now();
        let deadline = started + self.bounds.total;
        let pass = self.gate.enter(post.model, started + self.bounds.connect).await?;
        self.retries.deposit();
        let mut tries = 0;
        loop {
            let error = match self.send(&post, deadline).await {
                Ok(response) => {
                    return Ok(Answer::new(response, pass, &self.bounds, post.streamed, deadline));
                }
                Err(error) => error,
            };
            match self.retries.pause_before_next(&error, tries, deadline) {
                Some(pause) => sleep(pause).await,
                None => {
                    pass.failed(&error);
                    return Err(error);
                }
            }
            tries += 1;
        }
    }

    async fn send(&self, post: &Post<'_>, deadline: Instant) -> Result<reqwest::Response, Error> {
        let url = self
            .base
            .join(post.path)
            .map_err(|error| Error::unavailable(format!("its URL cannot be used: {error}")))?;
        let mut request = reqwest::Request::new(reqwest::Method::POST, url);
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.key.put_into(headers);
        *request.body_mut() = Some(post.body.clone().into());

        let (until, phase) = if post.streamed {
            (
                deadline.min(Instant::now() + self.bounds.first_byte),
                Phase::FirstByte,
            )
        } else {
            (deadline, Phase::Total)
        };
        let response = timeout_at(until, self.client.execute(request))
            .await
            .map_err(|_| Error::TimedOut(phase))?
            .map_err(answer::broken_off)?;
        refusal::check(response, post.streamed, until).await
    }
}

/// Joining a path to a URL replaces what comes after the last slash.
fn with_folder(mut base: Url) -> Url {
    if !base.path().ends_with('/') {
        let folder = format!("{}/", base.path());
        base.set_path(&folder);
    }
    base
}

/// The roots come with the program: its image holds nothing else.
fn tls() -> Result<rustls::ClientConfig, InvalidClient> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| InvalidClient(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
