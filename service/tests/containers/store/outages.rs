//! What a pool makes of an outage.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use secrecy::SecretString;
use ultra_service::{config::DatabaseTarget, domain::UserId, store::Store};
use ultra_testenv::{Fault, Stack};

use super::fresh::{Fresh, open_with};
use crate::harness::until;

/// How soon a database that is back is used again.
const SOON: Duration = Duration::from_secs(2);

struct Disturbed {
    stack: Stack,
    store: Arc<dyn Store>,
    _database: ultra_testenv::Database,
}

impl Disturbed {
    async fn start() -> Self {
        let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
        let database = stack.postgres().fresh_database().await.unwrap();
        let target = DatabaseTarget::Postgres(SecretString::from(database.url()));
        let store = open_with(target, SOON).await;
        store.migrate().await.unwrap();
        Self {
            stack,
            store,
            _database: database,
        }
    }

    /// Many calls at once, so that every connection of the pool is used.
    async fn busy(&self) -> Vec<bool> {
        let calls = (0..16).map(|_| async { self.store.user(UserId::generate()).await.is_ok() });
        join_all(calls).await
    }

    async fn is_used_again_at_once(&self) {
        let back = Instant::now();
        let first = self.store.user(UserId::generate()).await;
        assert!(first.is_ok(), "{:?} after {:?}", first.err(), back.elapsed());
        assert!(back.elapsed() < SOON, "{:?}", back.elapsed());
        assert_eq!(self.busy().await, [true; 16]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_killed_is_used_again_by_the_first_call_after_its_return() {
    let disturbed = Disturbed::start().await;
    for calls_meanwhile in [false, true] {
        assert_eq!(disturbed.busy().await, [true; 16]);
        disturbed.stack.postgres().kill().await.unwrap();
        if calls_meanwhile {
            assert_eq!(disturbed.busy().await, [false; 16]);
        }
        disturbed.stack.postgres().start().await.unwrap();
        disturbed.is_used_again_at_once().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hung_is_used_again_by_the_first_call_after_its_return() {
    let disturbed = Disturbed::start().await;
    for calls_meanwhile in [false, true] {
        assert_eq!(disturbed.busy().await, [true; 16]);
        disturbed.stack.postgres().pause().await.unwrap();
        if calls_meanwhile {
            for _ in 0..2 {
                assert_eq!(disturbed.busy().await, [false; 16]);
            }
        }
        disturbed.stack.postgres().unpause().await.unwrap();
        disturbed.is_used_again_at_once().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_a_lost_database_tells_why_it_is_lost() {
    let disturbed = Disturbed::start().await;
    let postgres = disturbed.stack.postgres();
    for (fault, class) in [
        (Fault::Refuse, "connection_refused"),
        (Fault::Partition, "timeout"),
        (Fault::WrongPassword, "authentication"),
        (Fault::OutOfConnections, "out_of_connections"),
        (Fault::SlowQueries, "timeout"),
    ] {
        disturbed.store.ping().await.unwrap();
        postgres.disturb(fault).await.unwrap();
        // The first look may meet a connection that just breaks.
        until("the look tells why", async || {
            let error = disturbed.store.ping().await.err();
            match error.as_ref().map(|error| (error.class(), error.is_outage())) {
                Some((told, true)) if told == class => Ok(()),
                _ => Err((fault, error)),
            }
        })
        .await;
        postgres.heal().await.unwrap();
        disturbed.is_used_again_at_once().await;
    }
}

#[tokio::test]
async fn nobody_waits_for_a_database_that_is_known_to_be_lost_and_one_that_is_only_slow_is_not() {
    for (loss, is_asked) in [
        (None, true),
        (Some("connection_refused"), false),
        // It has just answered.
        (Some("timeout"), true),
    ] {
        let fresh = Fresh::postgres().await;
        let store = fresh.store().await;
        store.heed(Box::new(move || loss));
        let asked = store.user(UserId::generate()).await;
        match asked {
            Ok(user) => assert!(is_asked && user.is_none(), "{loss:?}"),
            Err(error) => assert!(!is_asked && error.is_outage(), "{loss:?}: {error}"),
        }
        store.ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_given_up_by_the_server_and_is_an_outage() {
    let fresh = Fresh::postgres().await;
    fresh.store().await.close().await;
    let store = open_with(fresh.target().clone(), Duration::from_secs(2)).await;
    store.ping().await.unwrap();
    fresh
        .run(
            "alter table users rename to really_users; \
             create view users as select * from really_users where pg_sleep(60) is not null; \
             insert into really_users (id, email, password_hash, role, created_at) \
             values (gen_random_uuid(), 'a@b.c', '', 'user', now())",
        )
        .await;
    let error = store
        .users(ultra_service::store::Page {
            after: None,
            limit: 1,
        })
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.class(), "timeout");
    assert!(error.is_outage());
    assert!(error.to_string().contains("took too long"), "{error}");
    let running = "select cast(count(*) as text) from pg_stat_activity where query like '%from users%' \
                   and state = 'active' and pid <> pg_backend_pid() and datname = current_database()";
    assert_eq!(fresh.texts(running).await, ["0"]);
}
