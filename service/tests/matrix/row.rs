//! One row: a trouble begins, lasts, and ends, under a load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    bench::Bench,
    expected::{cell, words},
    load::{Kind, Load},
    seen::{RECOVERY, Seen, Times},
    trouble::{Lost, Trouble},
    witness::Witness,
};

/// How many requests of each kind must fall into each part of a row, so that it says something.
pub(super) const ENOUGH: usize = 3;

/// How long a trouble lasts at least: longer than it takes to look for what is lost a few times.
const LASTS: Duration = Duration::from_secs(3);

/// Runs a row, prints its figures, and gives all that went wrong.
pub(super) async fn run(bench: &Arc<Bench>, lost: Lost, trouble: Trouble) -> Vec<String> {
    let name = format!("{lost:?} {trouble:?}");
    let unused = bench.new_key().await;
    let opened = bench.opened().await;
    let witness = Witness::start(&bench.stack);
    let load = Load::start(bench, &name).await;
    // The first requests open the connections that the others use.
    load.until_enough(1, |sample| sample.answer.is_whole()).await;
    let warm = Instant::now();
    load.until_enough(ENOUGH, |sample| sample.began >= warm).await;

    let begins = Instant::now();
    trouble.begin(lost, &bench.stack).await;
    let begun = Instant::now();
    let mut wrong = Vec::new();
    let mut known = None;
    if trouble != Trouble::Restarted {
        for word in words(lost, trouble) {
            let what = format!("{name}: the health report says {word:?}");
            let told = load.until_one(&what, |sample| sample.began >= begins && sample.answer.says(word));
            known = known.max(Some(told.await.ended));
        }
        load.until_enough(ENOUGH, |sample| sample.began >= begun.max(known.unwrap_or(begun)))
            .await;
        load.until_enough(1, |sample| sample.began >= begun + LASTS).await;
        // It may be valid, so it is not refused as if it were not.
        let status = bench.asks(&unused).await;
        if !cell(lost, trouble, Kind::Login).admits(status) {
            wrong.push(format!(
                "{name}: {status} for a valid key that was not used before"
            ));
        }
    }
    let ends = Instant::now();
    trouble.end(lost, &bench.stack).await;
    let ended = Instant::now();
    load.until_enough(ENOUGH, |sample| sample.began >= ended + RECOVERY)
        .await;
    let opened = bench.opened().await - opened;
    let mut samples = load.stop().await;
    samples.retain(|sample| sample.began >= warm);

    let times = Times {
        begins,
        begun,
        known,
        ends,
        ended,
    };
    let seen = Seen {
        name,
        lost,
        trouble,
        opened,
        samples,
        times,
        witness,
    };
    wrong.extend(seen.wrong());
    println!("{}", seen.figures());
    wrong
}
