//! The keys that sign access tokens change while requests go on, on replicas whose mounted folders change one after the
//! other: none that is good is refused, none that is not passes.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use ultra_service::auth::KeyRing;

use super::{people::Tokens, replicas::replicas_on, routes::flip_signature};
use crate::harness::{Service, until};

const CLIENTS: usize = 3;
const ROTATIONS: usize = 3;

/// Two replicas, and the folder that each has its keys from.
struct Fleet {
    replicas: [Service; 2],
    rings: [TempDir; 2],
}

impl Fleet {
    async fn start() -> (Self, String) {
        let rings = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let kid = KeyRing::generate(rings[0].path()).unwrap();
        for file in fs::read_dir(rings[0].path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), rings[1].path().join(file.file_name())).unwrap();
        }
        let (one, other) = replicas_on([rings[0].path(), rings[1].path()], ()).await;
        let replicas = [one, other];
        (Self { replicas, rings }, kid)
    }

    /// Changes one replica's folder after the other's, each when the one before it has noticed.
    async fn change(&self, change: impl Fn(&Path), noticed: impl AsyncFn(&Service) -> bool) {
        for (replica, ring) in self.replicas.iter().zip(&self.rings) {
            change(ring.path());
            until("the ring is taken over", async || {
                if noticed(replica).await {
                    Ok(())
                } else {
                    Err("not yet")
                }
            })
            .await;
        }
    }
}

fn name_signer(ring: &Path, kid: &str) {
    let next = ring.join(".ring.json");
    fs::write(&next, json!({"signer": kid}).to_string()).unwrap();
    fs::rename(next, ring.join("ring.json")).unwrap();
}

async fn publishes(replica: &Service, kid: &str) -> bool {
    let jwks = replica.get("/.well-known/jwks.json").send().await.unwrap();
    let jwks: Value = jwks.json().await.unwrap();
    jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .any(|key| key["kid"] == kid)
}

fn kid_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

/// Gets new tokens from this replica until the key of this name signs them.
async fn signed_by(replica: &Service, mut tokens: Tokens, kid: &str) -> Tokens {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let refreshed = replica.refresh(&tokens.refresh).await;
        tokens = Tokens::of(&refreshed.json().await.unwrap());
        if kid_of(&tokens.access) == kid {
            return tokens;
        }
        assert!(Instant::now() < deadline, "{kid} does not sign");
    }
}

/// Gets a new token by the one replica and shows it to both, over and over, with one that nobody has signed.
async fn use_tokens(fleet: &Fleet, mut tokens: Tokens, rounds: &AtomicUsize, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let issuer = &fleet.replicas[rounds.load(Ordering::SeqCst) % 2];
        let refreshed = issuer.refresh(&tokens.refresh).await;
        assert_eq!(refreshed.status(), 200);
        tokens = Tokens::of(&refreshed.json().await.unwrap());
        for replica in &fleet.replicas {
            let kid = kid_of(&tokens.access);
            assert_eq!(replica.me(&tokens.access).await, 200, "a fresh token of {kid}");
            assert_eq!(replica.me(&flip_signature(&tokens.access)).await, 401, "{kid}");
        }
        rounds.fetch_add(1, Ordering::SeqCst);
    }
}

/// Waits until every client has ended a round that it began after this moment.
async fn settled(rounds: &[Arc<AtomicUsize>]) {
    let count = || -> Vec<usize> {
        rounds
            .iter()
            .map(|rounds| rounds.load(Ordering::SeqCst))
            .collect()
    };
    let before = count();
    until("every client has gone round", async || {
        let now = count();
        if now.iter().zip(&before).all(|(now, before)| *now >= before + 2) {
            Ok(())
        } else {
            Err(now)
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_under_a_stream_of_requests_on_two_replicas_that_learn_of_it_one_after_the_other() {
    let (fleet, mut signer) = Fleet::start().await;
    let fleet = Arc::new(fleet);
    let stop = CancellationToken::new();
    let mut rounds = Vec::new();
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let tokens = fleet.replicas[0]
            .user(&format!("client{client}@example.com"))
            .await;
        let done = Arc::new(AtomicUsize::new(client));
        rounds.push(done.clone());
        let (fleet, stop) = (fleet.clone(), stop.clone());
        clients.push(tokio::spawn(async move {
            use_tokens(&fleet, tokens, &done, &stop).await;
        }));
    }
    let mut witness = fleet.replicas[0].user("witness@example.com").await;

    for _ in 0..ROTATIONS {
        let seen = witness.access.clone();
        // 1. The new key is announced, and verifies.
        let made = TempDir::new().unwrap();
        let next = KeyRing::generate(made.path()).unwrap();
        let pem = format!("{next}.pem");
        let announce = |ring: &Path| {
            fs::copy(made.path().join(&pem), ring.join(&pem)).unwrap();
        };
        fleet
            .change(announce, async |replica| publishes(replica, &next).await)
            .await;
        settled(&rounds).await;
        // 2. It signs; the old one goes on verifying.
        for (replica, ring) in fleet.replicas.iter().zip(&fleet.rings) {
            name_signer(ring.path(), &next);
            witness = signed_by(replica, witness, &next).await;
            assert_eq!(replica.me(&seen).await, 200, "a token of the key before");
        }
        settled(&rounds).await;
        // 3. No client has a token of the old key any more, and it goes.
        let old = format!("{signer}.pem");
        let retire = |ring: &Path| fs::remove_file(ring.join(&old)).unwrap();
        let gone = signer.clone();
        fleet
            .change(retire, async |replica| !publishes(replica, &gone).await)
            .await;
        for replica in &fleet.replicas {
            assert_eq!(replica.me(&seen).await, 401, "a token of the key that is gone");
        }
        signer = next;
    }
    settled(&rounds).await;
    stop.cancel();
    for client in clients {
        client
            .await
            .expect("a good token was refused, or a bad one passed");
    }
}
