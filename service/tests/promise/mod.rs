//! The ledger's promise, on the real binary: whatever is killed, every whole answer has one record.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use ultra_testenv::Stack;

use crate::program::Program;

const CLIENTS: usize = 8;

/// What happens while requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    /// Postgres is killed, stays away for so many requests, and comes back.
    Postgres,
    /// The service is killed, and started again.
    Service,
    /// The service is killed while Postgres is away, so that the next one finds what this one could not write.
    Both,
}

/// Makes so many requests or more, until these blows are over that fall in between, and counts the records.
pub(crate) async fn keeps(requests: usize, blows: &[Blow]) {
    let begin = Instant::now();
    let mut run = Run::start().await;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(Arc::clone(&run.tally).ask(run.program.url.clone(), requests)))
        .collect();
    for (index, blow) in blows.iter().enumerate() {
        run.tally.reach(requests * (index + 1) / (blows.len() + 1)).await;
        run.suffer(*blow).await;
    }
    run.tally.is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    run.end().await;
    println!("{} blows: {:.1} s", blows.len(), begin.elapsed().as_secs_f64());
    run.check(blows).await;
}

/// What the clients have seen.
#[derive(Default)]
struct Tally {
    /// Whether all blows have fallen.
    is_over: AtomicBool,
    asked: AtomicUsize,
    answered: AtomicUsize,
    /// Requests that were sent and had no whole answer.
    broken: AtomicUsize,
    chats: AtomicUsize,
    analyses: Mutex<Vec<String>>,
}

impl Tally {
    async fn ask(self: Arc<Self>, url: String, requests: usize) {
        let client = Client::builder()
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        loop {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            if number >= requests && self.is_over.load(Ordering::Relaxed) {
                return;
            }
            self.ask_one(&client, &url, number).await;
        }
    }

    /// Asks until there is a whole answer. Each try that got through is a request of its own.
    async fn ask_one(&self, client: &Client, url: &str, number: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "request {number} is not answered");
            match exchange(client, url, number).await {
                Ok(Some(analysis)) => self.analyses.lock().unwrap().push(analysis),
                Ok(None) => {
                    self.chats.fetch_add(1, Ordering::Relaxed);
                }
                // Nobody listens, so nothing has begun.
                Err(error) if error.is_connect() => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                Err(error) => {
                    assert!(!error.is_status() && !error.is_timeout(), "{error}");
                    self.broken.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }

    /// Waits until so many are answered.
    async fn reach(&self, answered: usize) {
        let deadline = Instant::now() + Duration::from_secs(300);
        while self.answered.load(Ordering::Relaxed) < answered {
            assert!(Instant::now() < deadline, "{answered} answers are not reached");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// One request and its whole answer: of ten a panel, which says its id, and of the rest every other a stream.
async fn exchange(client: &Client, url: &str, number: usize) -> reqwest::Result<Option<String>> {
    let prompt = format!("Question {number}?");
    if number.is_multiple_of(10) {
        let body = json!({"prompt": prompt});
        let request = client.post(format!("{url}/api/v1/analyses")).json(&body);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        return Ok(Some(answer["id"].as_str().unwrap().to_owned()));
    }
    let stream = number.is_multiple_of(2);
    let body = json!({
        "model": "mock/analyst", "stream": stream, "messages": [{"role": "user", "content": prompt}]
    });
    let request = client.post(format!("{url}/v1/chat/completions")).json(&body);
    let answer = request.send().await?.error_for_status()?.text().await?;
    assert!(!stream || answer.ends_with("data: [DONE]\n\n"), "{answer}");
    Ok(None)
}

struct Run {
    stack: Stack,
    database: ultra_testenv::Database,
    program: Program,
    tally: Arc<Tally>,
}

impl Run {
    async fn start() -> Self {
        let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
        let database = stack.postgres().fresh_database().await.unwrap();
        // It is about records, and not about how many requests one client may make.
        let program = Program::start_with_room(&[
            ("DATABASE_URL", database.url()),
            ("ULTRA_DATABASE_ACQUIRE_TIMEOUT", "500ms"),
            (
                "RUST_LOG",
                "warn,ultra_service::ledger=info,ultra_service::startup=info",
            ),
        ])
        .await;
        program.until_ready().await;
        Self {
            stack,
            database,
            program,
            tally: Arc::default(),
        }
    }

    async fn suffer(&mut self, blow: Blow) {
        if blow != Blow::Service {
            self.stack.postgres().kill().await.unwrap();
        }
        let answered = self.tally.answered.load(Ordering::Relaxed);
        if blow == Blow::Both {
            // Some records are in the spool alone by then.
            self.tally.reach(answered + 2 * CLIENTS).await;
        }
        if blow != Blow::Postgres {
            self.program.kill_and_start_again();
        }
        self.tally.reach(answered + 4 * CLIENTS).await;
        if blow != Blow::Service {
            self.stack.postgres().start().await.unwrap();
        }
    }

    /// Ends the service as an orchestrator does. It has written everything by then.
    async fn end(&mut self) {
        self.program.terminate();
        let status = self.program.ended().await;
        assert!(status.success(), "{status}: {}", self.program.log());
    }

    async fn check(&self, blows: &[Blow]) {
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        let rows: Vec<(String, String, Option<uuid::Uuid>)> =
            sqlx::query_as("select operation, outcome, analysis_id from usage")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let tally = &self.tally;
        let answered = tally.answered.load(Ordering::Relaxed);
        let broken = tally.broken.load(Ordering::Relaxed);
        let chats = tally.chats.load(Ordering::Relaxed);
        let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, outcome, _) in &rows {
            *outcomes.entry(outcome).or_default() += 1;
        }
        println!(
            "{answered} answers, {broken} broken off; {} records: {outcomes:?}",
            rows.len()
        );

        let completed = |operation: &str| {
            rows.iter()
                .filter(move |row| row.0 == operation && row.1 == "completed")
                .collect::<Vec<_>>()
        };
        let answers = tally.analyses.lock().unwrap();
        let recorded: Vec<_> = completed("panel").iter().filter_map(|row| row.2).collect();
        let once: BTreeSet<_> = recorded.iter().map(|id| id.to_string()).collect();
        assert_eq!(once.len(), recorded.len(), "an answer has two records");
        let missing: Vec<_> = answers.iter().filter(|id| !once.contains(*id)).collect();
        assert!(
            missing.is_empty(),
            "answers without a record: {missing:?}\n{}",
            self.program.log()
        );
        // A record whose answer was cut off on its way is right, and nobody has seen its answer.
        let chat_records = completed("chat").len();
        assert!(
            (chats..=chats + broken).contains(&chat_records),
            "{chats} chats, {broken} broken off, {chat_records} records"
        );
        assert!(rows.len() <= answered + broken, "{} records", rows.len());
        let kills = blows.iter().filter(|blow| **blow != Blow::Postgres).count();
        let unconfirmed = outcomes.get("unconfirmed").copied().unwrap_or_default();
        assert!(unconfirmed <= kills * CLIENTS, "{unconfirmed} unconfirmed");
    }
}
