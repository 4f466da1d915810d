//! The fault matrix: what becomes of each kind of request while Postgres, Redis or both are in each kind of trouble, on
//! the real binary, under a steady load.
//!
//! `expected` is the table. One row of each kind of trouble is in the gate, and all of them in the exhaustive layer.

mod answer;
mod bench;
mod expected;
mod figures;
mod load;
mod row;
mod seen;
mod trouble;
mod witness;

pub(crate) use trouble::{Lost, Trouble};

use std::sync::Arc;

use bench::Bench;

/// Runs these rows one after the other on one service, which is not restarted in between, and fails with all that went
/// wrong in any of them.
pub(crate) async fn holds(rows: impl IntoIterator<Item = (Lost, Trouble)>) {
    let rows: Vec<_> = rows.into_iter().collect();
    // It forgets everything when it is stopped, so these rows have a bench of their own.
    let fills_a_disk =
        |(lost, trouble): &(Lost, Trouble)| lost.has_postgres() && *trouble == Trouble::OutOfDisk;
    let bench = Arc::new(Bench::start(rows.iter().any(fills_a_disk)).await);
    let mut wrong = Vec::new();
    for (lost, trouble) in rows {
        wrong.extend(row::run(&bench, lost, trouble).await);
    }
    let told = wrong.join("\n");
    assert!(
        wrong.is_empty(),
        "{} went wrong:\n{told}\n{}",
        wrong.len(),
        bench.log()
    );
}
