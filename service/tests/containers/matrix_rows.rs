//! One row of the fault matrix of each kind of trouble. All of them are in the exhaustive layer.

use crate::matrix::{
    Lost::{Both, Postgres, Redis},
    Trouble::{
        Killed, Locked, OutOfConnections, OutOfDisk, Partitioned, Paused, Refused, Restarted, Slow,
        WrongPassword,
    },
    holds,
};

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_on_without_redis_whatever_is_the_matter_with_it() {
    let troubles = [
        Killed,
        Partitioned,
        Refused,
        Slow,
        Locked,
        WrongPassword,
        OutOfDisk,
    ];
    holds(troubles.map(|trouble| (Redis, trouble))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_needs_postgres_waits_for_it() {
    holds([
        (Postgres, Paused),
        (Postgres, OutOfConnections),
        (Both, Restarted),
    ])
    .await;
}
