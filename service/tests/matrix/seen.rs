//! All that was seen of a row, held against the table.

use std::time::{Duration, Instant};

use ultra_testenv::Part;

use super::{
    bench::REDIS_WAIT,
    expected::{Cell, cell, cell_in_between},
    load::{Kind, Sample},
    row::ENOUGH,
    trouble::{Lost, Trouble},
    witness::Witness,
};

/// How soon all is well again once the dependency is.
pub(super) const RECOVERY: Duration = Duration::from_secs(2);

/// How soon the health report says what is lost: a look that hangs is given up after a second, a second after the last.
const KNOWN: Duration = Duration::from_secs(2);

/// Room for a busy machine.
const ROOM: Duration = Duration::from_secs(1);

/// When what happened.
pub(super) struct Times {
    pub(super) begins: Instant,
    pub(super) begun: Instant,
    pub(super) known: Option<Instant>,
    pub(super) ends: Instant,
    pub(super) ended: Instant,
}

/// All that was seen of a row.
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) lost: Lost,
    pub(super) trouble: Trouble,
    pub(super) opened: u64,
    pub(super) samples: Vec<Sample>,
    pub(super) times: Times,
    pub(super) witness: Witness,
}

impl Seen {
    pub(super) fn wrong(&self) -> Vec<String> {
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
    pub(super) fn is_excused(&self, sample: &Sample) -> bool {
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
    pub(super) fn until_known(&self) -> Option<Duration> {
        let known = self.times.known?;
        Some(known.saturating_duration_since(self.times.begun))
    }

    /// Of the requests that need nothing that is lost, how many took as long as if they waited for it, once it was known
    /// to be lost.
    pub(super) fn late(&self) -> (usize, usize) {
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
    pub(super) fn recovery(&self) -> Duration {
        let last = self
            .last_impaired()
            .map_or(self.times.ended, |sample| sample.began);
        last.saturating_duration_since(self.times.ended)
    }

    pub(super) fn last_impaired(&self) -> Option<&Sample> {
        let impaired = self.samples.iter().filter(|sample| !sample.answer.is_whole());
        let impaired = impaired.filter(|sample| !self.is_excused(sample));
        impaired.max_by_key(|sample| sample.began)
    }
}

fn signed_seconds(from: Instant, to: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(later) => later.as_secs_f64(),
        None => -(from - to).as_secs_f64(),
    }
}
