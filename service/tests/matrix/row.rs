//! One row: a trouble begins, lasts, and ends, and each answer is held against the table.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ultra_testenv::Part;

use super::{
    bench::{Bench, REDIS_WAIT},
    expected::{Cell, cell, cell_in_between, words},
    load::{Kind, Load, Sample},
    trouble::{Lost, Trouble},
    witness::Witness,
};

/// How soon all is well again once the dependency is.
const RECOVERY: Duration = Duration::from_secs(2);

/// How soon the health report says what is lost: a look that hangs is given up after a second, a second after the last.
const KNOWN: Duration = Duration::from_secs(2);

/// Room for a busy machine.
const ROOM: Duration = Duration::from_secs(1);

/// How many requests of each kind must fall into each part of a row, so that it says something.
const ENOUGH: usize = 3;

/// How long a trouble lasts at least: longer than it takes to look for what is lost a few times.
const LASTS: Duration = Duration::from_secs(3);

/// When what happened.
struct Times {
    begins: Instant,
    begun: Instant,
    known: Option<Instant>,
    ends: Instant,
    ended: Instant,
}

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

/// All that was seen of a row.
struct Seen {
    name: String,
    lost: Lost,
    trouble: Trouble,
    opened: u64,
    samples: Vec<Sample>,
    times: Times,
    witness: Witness,
}

impl Seen {
    fn wrong(&self) -> Vec<String> {
        let answers = self.samples.iter().filter_map(|sample| self.wrong_with(sample));
        answers.chain(self.wrong_as_a_whole()).collect()
    }

    fn wrong_with(&self, sample: &Sample) -> Option<String> {
        let (lost, answer) = (self.lost, &sample.answer);
        let expected = self.expected(sample);
        let mut wrong = Vec::new();
        if !expected.admits(answer.status) {
            wrong.push(format!("{} instead of {expected:?}", answer.status));
        }
        wrong.extend(answer.flaw.clone());
        if sample.took() > sample.kind.limit() && !self.is_excused(sample) {
            wrong.push(format!("more than {:?}", sample.kind.limit()));
        }
        if !lost.has_postgres() && !answer.stored && !self.is_excused(sample) {
            wrong.push("not stored, though Postgres is there".to_owned());
        }
        if !lost.has_redis() && !answer.shared && !self.is_excused(sample) {
            wrong.push("not shared, though Redis is there".to_owned());
        }
        if wrong.is_empty() {
            return None;
        }
        let at = |from: Instant| signed_seconds(from, sample.began);
        Some(format!(
            "{}: {:?}, {:+.2} s after it began, {:+.2} s after it ended, took {:?}: {}",
            self.name,
            sample.kind,
            at(self.times.begun),
            at(self.times.ended),
            sample.took(),
            wrong.join("; "),
        ))
    }

    /// The cell of a request. What it says holds in full where the request lies within the trouble, and where it has
    /// nothing to do with it.
    fn expected(&self, sample: &Sample) -> Cell {
        let times = &self.times;
        let cell = if self.is_outside(sample.began, sample.ended) {
            Cell::Goes
        } else if sample.began >= times.begun && sample.ended <= times.ends {
            cell(self.lost, self.trouble, sample.kind)
        } else {
            cell_in_between(self.lost, self.trouble, sample.kind)
        };
        match (cell, sample.kind) {
            // Who needs Postgres may be told to come back by one that answers late by itself.
            (Cell::Goes, Kind::Login | Kind::Admin) if self.is_excused(sample) => Cell::Either,
            (cell, _) => cell,
        }
    }

    /// Whether it has nothing to do with the trouble.
    fn is_outside(&self, from: Instant, to: Instant) -> bool {
        to < self.times.begins || from >= self.times.ended + RECOVERY + ROOM
    }

    /// Whether somebody else had to wait too, for what is not in trouble.
    fn is_excused(&self, sample: &Sample) -> bool {
        let late = |part| self.was_late_when_well(part, sample.began, sample.ended);
        late(Part::Postgres) || late(Part::Redis)
    }

    fn was_late_when_well(&self, part: Part, from: Instant, to: Instant) -> bool {
        let is_lost = match part {
            Part::Postgres => self.lost.has_postgres(),
            // One whose disk is full answers as ever.
            _ => self.lost.has_redis() && self.trouble != Trouble::OutOfDisk,
        };
        (!is_lost || self.is_outside(from, to)) && self.witness.saw_late(part, from, to)
    }

    fn wrong_as_a_whole(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(took) = self.until_known()
            && took > KNOWN + ROOM
        {
            wrong.push(format!("health took {took:?} to tell"));
        }
        if self.recovery() > RECOVERY + ROOM {
            wrong.push(format!(
                "recovery took {:?}: {:?}",
                self.recovery(),
                self.last_impaired()
            ));
        }
        let opens = self.lost.has_redis() && self.trouble != Trouble::OutOfDisk;
        let may_open = self
            .samples
            .iter()
            .any(|sample| self.was_late_when_well(Part::Redis, sample.began, sample.ended));
        let too_often = self.opened > u64::from(opens) && !may_open;
        if self.opened < u64::from(opens) || too_often {
            wrong.push(format!("the breaker before Redis opened {} times", self.opened));
        }
        let (late, all) = self.late();
        // By chance, a busy machine makes one late; each is, where somebody waits for what is lost.
        if late > ENOUGH + all / 10 {
            wrong.push(format!("{late} of {all} waited for what is known to be lost"));
        }
        wrong
            .iter()
            .map(|what| format!("{}: {what}", self.name))
            .collect()
    }

    /// How long it took until the health report said what is lost. It may say so before all of the trouble is there.
    fn until_known(&self) -> Option<Duration> {
        let known = self.times.known?;
        Some(known.saturating_duration_since(self.times.begun))
    }

    /// Of the requests that need nothing that is lost, how many took as long as if they waited for it, once it was known
    /// to be lost.
    fn late(&self) -> (usize, usize) {
        let Some(known) = self.times.known else {
            return (0, 0);
        };
        let goes = |kind| cell(self.lost, self.trouble, kind) == Cell::Goes;
        let (mut late, mut all) = (0, 0);
        for sample in &self.samples {
            if goes(sample.kind) && sample.began >= known && sample.ended <= self.times.ends {
                all += 1;
                late += usize::from(sample.took() >= REDIS_WAIT);
            }
        }
        (late, all)
    }

    /// How long after the end of the trouble the last request began that did not get everything.
    fn recovery(&self) -> Duration {
        let last = self
            .last_impaired()
            .map_or(self.times.ended, |sample| sample.began);
        last.saturating_duration_since(self.times.ended)
    }

    fn last_impaired(&self) -> Option<&Sample> {
        let impaired = self.samples.iter().filter(|sample| !sample.answer.is_whole());
        let impaired = impaired.filter(|sample| !self.is_excused(sample));
        impaired.max_by_key(|sample| sample.began)
    }

    fn figures(&self) -> String {
        let times = &self.times;
        let known = self.until_known().map_or_else(String::new, |took| {
            format!("known after {:.2} s, ", took.as_secs_f64())
        });
        let (late, all) = self.late();
        let excused = self
            .samples
            .iter()
            .filter(|sample| self.is_excused(sample))
            .count();
        let last = self.last_impaired().map_or_else(String::new, |last| {
            format!(" ({:?}: {})", last.kind, last.answer.summary())
        });
        let kinds: Vec<_> = Kind::ALL.iter().map(|kind| self.figures_of(*kind)).collect();
        format!(
            "{:<26} lasted {:.1} s, {known}over {:.2} s after its end{last}, breaker opened {}, {late} of {all} late, {excused} excused; {}",
            self.name,
            (times.ended - times.begins).as_secs_f64(),
            self.recovery().as_secs_f64(),
            self.opened,
            kinds.join(", "),
        )
    }

    /// How many got what while it lasted, and how long the slowest took.
    fn figures_of(&self, kind: Kind) -> String {
        let times = &self.times;
        let of_kind = |sample: &&Sample| {
            sample.kind == kind && sample.ended >= times.begins && sample.began <= times.ended
        };
        let meanwhile: Vec<_> = self.samples.iter().filter(of_kind).collect();
        let refused = meanwhile
            .iter()
            .filter(|sample| sample.answer.status == 503)
            .count();
        let slowest = meanwhile
            .iter()
            .map(|sample| sample.took())
            .max()
            .unwrap_or_default();
        format!(
            "{kind:?} {}+{refused} {} ms",
            meanwhile.len() - refused,
            slowest.as_millis()
        )
    }
}

fn signed_seconds(from: Instant, to: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(later) => later.as_secs_f64(),
        None => -(from - to).as_secs_f64(),
    }
}
