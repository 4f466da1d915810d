//! What takes too long for every change.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what a test needs is there, or the test fails; figures are printed"
)]

#[path = "contract/mod.rs"]
mod contract;
#[expect(dead_code, reason = "most of it is for the containers layer")]
#[path = "containers/harness.rs"]
mod harness;
#[path = "matrix/mod.rs"]
mod matrix;
#[expect(dead_code, reason = "most of it is for the containers layer")]
#[path = "containers/auth/people.rs"]
mod people;
#[expect(dead_code, reason = "most of it is for the containers layer")]
#[path = "containers/program.rs"]
mod program;
#[path = "promise/mod.rs"]
mod promise;

use std::time::Duration;

use contract::Effort;
use matrix::{Lost, Trouble};
use promise::Blow::{Both, Postgres, Service};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_have_a_record_each_though_postgres_is_killed_five_times_and_the_service_twice()
{
    let blows = [Postgres, Service, Postgres, Both, Postgres, Postgres];
    promise::keeps(10_000, &blows).await;
}

/// All troubles that a disk may outlive.
const TROUBLES: [Trouble; 9] = [
    Trouble::Killed,
    Trouble::Paused,
    Trouble::Restarted,
    Trouble::Partitioned,
    Trouble::Refused,
    Trouble::Slow,
    Trouble::Locked,
    Trouble::WrongPassword,
    Trouble::OutOfConnections,
];

#[tokio::test(flavor = "multi_thread")]
async fn only_what_needs_postgres_waits_for_it_whatever_is_the_matter_with_it() {
    matrix::holds(TROUBLES.map(|trouble| (Lost::Postgres, trouble))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_on_without_redis_whatever_is_the_matter_with_it() {
    let rows = TROUBLES.map(|trouble| (Lost::Redis, trouble));
    matrix::holds(rows.into_iter().chain([(Lost::Redis, Trouble::OutOfDisk)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_needs_postgres_waits_whatever_is_the_matter_with_both() {
    matrix::holds(TROUBLES.map(|trouble| (Lost::Both, trouble))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_writes_nothing_goes_on_while_disks_are_full() {
    matrix::holds([Lost::Postgres, Lost::Both].map(|lost| (lost, Trouble::OutOfDisk))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_for_the_answers_are_as_documented() {
    for seed in 1..=3 {
        let deadline = Duration::from_secs(600);
        contract::is_kept(&Effort {
            seed,
            examples: 100,
            deadline,
        })
        .await;
    }
}
