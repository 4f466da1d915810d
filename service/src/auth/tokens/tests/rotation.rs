//! Keys change while tokens are issued and checked: none that is good is refused, none that is not passes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use secrecy::ExposeSecret as _;
use serde_json::json;
use time::OffsetDateTime;

use super::forge::{HEADER, access_rules, by_seed, claims, forged};
use crate::{
    auth::{
        LiveKeyRing, TokenError, Tokens,
        key_ring::test_keys::{STRICT, ed25519, ed25519_public, ed25519_seed, folder, write},
    },
    domain::{Role, SessionId, UserId},
};

fn issue(tokens: &Tokens) -> String {
    let (user, session) = (UserId::generate(), SessionId::generate());
    let issued = tokens
        .signer(OffsetDateTime::now_utc())
        .unwrap()
        .issue(user, session, Role::User)
        .unwrap();
    issued.token.expose_secret().to_owned()
}

fn verify(tokens: &Tokens, token: &str) -> Result<(), TokenError> {
    tokens.verify(token, OffsetDateTime::now_utc()).map(drop)
}

fn kid_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

#[test]
fn a_key_that_leaves_the_ring_takes_its_tokens_along_seen_or_not() {
    let dir = folder(&[
        ("a.pem", &ed25519(1)),
        ("b.pem", &ed25519(2)),
        ("ring.json", r#"{"signer":"a"}"#),
    ]);
    let live = LiveKeyRing::load(dir.path(), STRICT).unwrap();
    let tokens = Tokens::new(live.clone(), access_rules());
    let (seen, unseen) = (issue(&tokens), issue(&tokens));
    assert_eq!(verify(&tokens, &seen), Ok(()));

    write(dir.path(), &[("ring.json", r#"{"signer":"b"}"#)]);
    live.reload().unwrap().unwrap();
    assert_eq!(kid_of(&issue(&tokens)), "b");
    assert_eq!(
        verify(&tokens, &seen),
        Ok(()),
        "a key that only verifies goes on verifying"
    );

    std::fs::remove_file(dir.path().join("a.pem")).unwrap();
    live.reload().unwrap().unwrap();
    assert_eq!(verify(&tokens, &seen), Err(TokenError::UnknownKey));
    assert_eq!(verify(&tokens, &unseen), Err(TokenError::UnknownKey));

    // Another key under the old name brings nothing back.
    write(dir.path(), &[("a.pem", &ed25519_public(3))]);
    live.reload().unwrap().unwrap();
    assert_eq!(verify(&tokens, &seen), Err(TokenError::BadSignature));

    // The old key does.
    write(dir.path(), &[("a.pem", &ed25519_public(1))]);
    live.reload().unwrap().unwrap();
    assert_eq!(verify(&tokens, &seen), Ok(()));
    let now = OffsetDateTime::now_utc();
    let end = json!({"signer": "b", "keys": {"a": {"expireAt": (now - time::Duration::SECOND).format(&time::format_description::well_known::Rfc3339).unwrap()}}});
    write(dir.path(), &[("ring.json", &end.to_string())]);
    live.reload().unwrap().unwrap();
    assert_eq!(verify(&tokens, &seen), Err(TokenError::ExpiredKey));
}

/// Counts of what the threads did, and whether they shall go on.
#[derive(Default)]
struct Load {
    rounds: [AtomicU64; 3],
    stop: AtomicBool,
}

impl Load {
    /// Waits until every thread has begun a round after this moment and ended it, so that it works with the ring of
    /// now.
    fn settle(&self) {
        let before: Vec<u64> = self
            .rounds
            .iter()
            .map(|rounds| rounds.load(Ordering::SeqCst))
            .collect();
        let deadline = Instant::now() + Duration::from_secs(30);
        for (rounds, before) in self.rounds.iter().zip(before) {
            while rounds.load(Ordering::SeqCst) < before + 2 {
                assert!(Instant::now() < deadline, "a thread has stopped");
                thread::yield_now();
            }
        }
    }
}

#[test]
fn a_rotation_under_load_refuses_nothing_good_and_passes_nothing_else() {
    const ROTATIONS: u8 = 12;
    let dir = folder(&[("k0.pem", &ed25519(100)), ("ring.json", r#"{"signer":"k0"}"#)]);
    let live = LiveKeyRing::load(dir.path(), STRICT).unwrap();
    let tokens = Arc::new(Tokens::new(live.clone(), access_rules()));
    let load = Arc::new(Load::default());

    let workers: Vec<_> = (0..load.rounds.len())
        .map(|worker| {
            let (tokens, load) = (tokens.clone(), load.clone());
            thread::spawn(move || {
                // Never a key of the ring, under each name that the ring has at some time.
                let bad: Vec<_> = (0..=ROTATIONS)
                    .map(|number| {
                        let header = HEADER.replace("\"ed\"", &format!("\"k{number}\""));
                        let mut claims = claims();
                        let now = OffsetDateTime::now_utc().unix_timestamp();
                        for name in ["iat", "nbf"] {
                            claims[name] = json!(now);
                        }
                        claims["exp"] = json!(now + 600);
                        forged(&header, &claims.to_string(), by_seed(&ed25519_seed(66)))
                    })
                    .collect();
                let mut round = 0;
                while !load.stop.load(Ordering::SeqCst) {
                    let token = issue(&tokens);
                    assert_eq!(
                        verify(&tokens, &token),
                        Ok(()),
                        "a fresh token of {}",
                        kid_of(&token)
                    );
                    assert_eq!(
                        verify(&tokens, &token),
                        Ok(()),
                        "a seen token of {}",
                        kid_of(&token)
                    );
                    let bad = verify(&tokens, &bad[round % bad.len()]);
                    assert!(
                        matches!(bad, Err(TokenError::BadSignature | TokenError::UnknownKey)),
                        "{bad:?}"
                    );
                    round += 1;
                    load.rounds[worker].fetch_add(1, Ordering::SeqCst);
                }
                round
            })
        })
        .collect();

    let mut retired = Vec::new();
    for number in 1..=ROTATIONS {
        let (old, new) = (format!("k{}", number - 1), format!("k{number}"));
        let old_token = issue(&tokens);
        assert_eq!(kid_of(&old_token), old);
        assert_eq!(verify(&tokens, &old_token), Ok(()));

        // 1. The new key comes, and verifies.
        write(dir.path(), &[(&format!("{new}.pem"), &ed25519(100 + number))]);
        live.reload().unwrap().unwrap();
        load.settle();
        // 2. It signs; the old one goes on verifying.
        write(dir.path(), &[("ring.json", &json!({"signer": new}).to_string())]);
        live.reload().unwrap().unwrap();
        assert_eq!(kid_of(&issue(&tokens)), new);
        assert_eq!(verify(&tokens, &old_token), Ok(()));
        // 3. Nobody has a token of the old key any more, but for those that are to be refused from now on.
        load.settle();
        std::fs::remove_file(dir.path().join(format!("{old}.pem"))).unwrap();
        live.reload().unwrap().unwrap();
        retired.push(old_token);
        for token in &retired {
            assert_eq!(verify(&tokens, token), Err(TokenError::UnknownKey));
        }
    }
    load.settle();
    load.stop.store(true, Ordering::SeqCst);
    for worker in workers {
        assert!(
            worker
                .join()
                .expect("a thread saw a good token refused, or a bad one pass")
                > 2 * usize::from(ROTATIONS)
        );
    }
}
