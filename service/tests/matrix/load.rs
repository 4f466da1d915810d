//! The columns: requests of each kind, again and again, and what came of them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    answer::Answer,
    bench::{Bench, DATABASE_WAIT, REDIS_WAIT},
};
use crate::harness::until;

/// Between the end of a request and the next one of its kind: some hundred requests a second in all.
const PAUSE: Duration = Duration::from_millis(40);

/// What two cores that others use too may take for a request that waits for nothing.
const MARGIN: Duration = Duration::from_millis(1_500);

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A panel's answer as JSON.
    Json,
    /// The same as a stream, and a model's in OpenAI's format.
    Streaming,
    /// A login, which reads and writes accounts.
    Login,
    /// A panel's answer for an API key that was used before.
    KeyUse,
    /// The health report.
    Health,
    /// The list of users.
    Admin,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Json,
        Self::Streaming,
        Self::Login,
        Self::KeyUse,
        Self::Health,
        Self::Admin,
    ];

    /// The timeouts of all that it may wait for, one after the other, and the margin: Redis once, the database for each
    /// call. A panel saves its answer; a login reads a user and writes a session.
    pub(super) fn limit(self) -> Duration {
        let waits = match self {
            Self::Health => Duration::ZERO,
            Self::Json | Self::Streaming | Self::KeyUse | Self::Admin => REDIS_WAIT + DATABASE_WAIT,
            Self::Login => 2 * DATABASE_WAIT,
        };
        waits + MARGIN
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) kind: Kind,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) answer: Answer,
}

impl Sample {
    pub(super) fn took(&self) -> Duration {
        self.ended - self.began
    }
}

/// Requests of all kinds, under way until they are stopped.
pub(super) struct Load {
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Load {
    /// `row`: what its questions have in common, and no other row's.
    pub(super) async fn start(bench: &Arc<Bench>, row: &str) -> Self {
        let mut load = Self {
            samples: Arc::default(),
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
        };
        // A key is known for a minute, which a row is shorter than.
        let key = bench.new_key().await;
        for kind in Kind::ALL {
            let client = SteadyClient {
                bench: bench.clone(),
                kind,
                row: row.to_owned(),
                key: key.clone(),
            };
            load.tasks
                .spawn(client.ask_on(load.samples.clone(), load.stop.clone()));
        }
        load
    }

    /// Waits until there are so many requests of each kind that are such.
    pub(super) async fn until_enough(&self, count: usize, such: impl Fn(&Sample) -> bool) {
        until("there are enough requests of each kind", async || {
            let samples = self.samples();
            let counts = Kind::ALL.map(|kind| {
                let of_kind = samples.iter().filter(|sample| sample.kind == kind);
                (kind, of_kind.filter(|sample| such(sample)).count())
            });
            match counts.iter().all(|(_, counted)| *counted >= count) {
                true => Ok(()),
                false => Err((counts, samples.last().cloned())),
            }
        })
        .await;
    }

    /// Waits for a request that is such, and gives it.
    pub(super) async fn until_one(&self, what: &str, such: impl Fn(&Sample) -> bool) -> Sample {
        until(what, async || {
            let samples = self.samples();
            let found = samples.iter().find(|sample| such(sample)).cloned();
            let health = || {
                samples
                    .iter()
                    .rfind(|sample| sample.kind == Kind::Health)
                    .cloned()
            };
            found.ok_or_else(health)
        })
        .await
    }

    /// Ends it, and gives all that came of it.
    pub(super) async fn stop(mut self) -> Vec<Sample> {
        self.stop.cancel();
        while let Some(task) = self.tasks.join_next().await {
            task.unwrap();
        }
        self.samples()
    }

    fn samples(&self) -> Vec<Sample> {
        self.samples
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Asks for one kind of thing.
struct SteadyClient {
    bench: Arc<Bench>,
    kind: Kind,
    row: String,
    key: String,
}

impl SteadyClient {
    async fn ask_on(self, samples: Arc<Mutex<Vec<Sample>>>, stop: CancellationToken) {
        let mut number = 0;
        while !stop.is_cancelled() {
            let began = Instant::now();
            let answer = self.ask(number).await;
            let sample = Sample {
                kind: self.kind,
                began,
                ended: Instant::now(),
                answer,
            };
            samples
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(sample);
            number += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, number: usize) -> Answer {
        let bench = &self.bench;
        let request = match self.kind {
            Kind::Json => self.panel(number).bearer_auth(bench.token()),
            Kind::Streaming if number % 4 < 2 => {
                let panel = self.panel(number).bearer_auth(bench.token());
                panel.header("accept", "text/event-stream")
            }
            Kind::Streaming => {
                let messages = json!([{"role": "user", "content": self.question(number)}]);
                let body = json!({"model": "mock/analyst", "stream": true, "messages": messages});
                bench
                    .post("/v1/chat/completions", &body)
                    .bearer_auth(bench.token())
            }
            Kind::KeyUse => self.panel(number).bearer_auth(&self.key),
            Kind::Login => bench.login(),
            Kind::Health => bench.get("/health"),
            Kind::Admin => bench.get("/api/v1/admin/users").bearer_auth(bench.token()),
        };
        Answer::read(request.send().await, number % 2 == 1).await
    }

    fn panel(&self, number: usize) -> reqwest::RequestBuilder {
        let body = json!({"prompt": self.question(number)});
        self.bench.post("/api/v1/analyses", &body)
    }

    /// Every question is asked twice.
    fn question(&self, number: usize) -> String {
        format!(
            "{}, {:?}: what about the number {}?",
            self.row,
            self.kind,
            number / 2
        )
    }
}
