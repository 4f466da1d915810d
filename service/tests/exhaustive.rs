//! What takes too long for every change.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what a test needs is there, or the test fails; figures are printed"
)]

#[path = "promise/mod.rs"]
mod promise;

use promise::Blow::{Both, Postgres, Service};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_have_a_record_each_though_postgres_is_killed_five_times_and_the_service_twice()
{
    let blows = [Postgres, Service, Postgres, Both, Postgres, Postgres];
    promise::keeps(10_000, &blows).await;
}
