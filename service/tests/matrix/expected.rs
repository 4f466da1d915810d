//! The table: what becomes of each kind of request while a trouble lasts, and what the health report says of it.
//!
//! Nothing needs Redis: whatever is the matter with it, everything goes on. Where both are in trouble, it is as without
//! Postgres.

use super::{
    load::Kind,
    trouble::{
        Lost,
        Trouble::{
            self, Killed, Locked, OutOfConnections, OutOfDisk, Partitioned, Paused, Refused, Restarted, Slow,
            WrongPassword,
        },
    },
};
use Cell::{Either, Goes, Waits};

/// What a kind of request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// 200.
    Goes,
    /// 503, with `Retry-After`.
    Waits,
    /// One or the other.
    Either,
}

impl Cell {
    pub(super) fn admits(self, status: u16) -> bool {
        match self {
            Goes => status == 200,
            Waits => status == 503,
            Either => matches!(status, 200 | 503),
        }
    }
}

/// What the health report is to say: of which dependency, its status, and the error's class, or one of several.
pub(super) type Word = (&'static str, &'static str, &'static str);

/// Without Postgres, and the words for Postgres and for Redis.
type Line = (Trouble, [Cell; 6], Option<Word>, Option<Word>);

#[rustfmt::skip]
const TABLE: [Line; 10] = [
    //           JSON  streaming  login   key   health  admin
    (Killed,      [Goes, Goes, Waits,  Goes, Goes, Waits],  down("connection_refused"), lost("connection_refused")),
    (Paused,      [Goes, Goes, Waits,  Goes, Goes, Waits],  down("timeout"),            lost("timeout")),
    // It may be over before health has looked.
    (Restarted,   [Goes, Goes, Either, Goes, Goes, Either], None,                       None),
    (Partitioned, [Goes, Goes, Waits,  Goes, Goes, Waits],  down("timeout"),            lost("timeout")),
    (Refused,     [Goes, Goes, Waits,  Goes, Goes, Waits],  down("connection_refused"), lost("connection_refused")),
    (Slow,        [Goes, Goes, Waits,  Goes, Goes, Waits],  down("timeout"),            lost("timeout")),
    (Locked,      [Goes, Goes, Waits,  Goes, Goes, Waits],  down("timeout"),            lost("timeout")),
    (WrongPassword, [Goes, Goes, Waits, Goes, Goes, Waits], down("authentication"),     lost("authentication")),
    // Everything can be read, and what fits into the pages that there are is still written.
    (OutOfDisk,   [Goes, Goes, Either, Goes, Goes, Goes],   Some(("database", "degraded", "disk_full")),
                                                            Some(("cache", "degraded", "disk_full"))),
    (OutOfConnections, [Goes, Goes, Waits, Goes, Goes, Waits], down("out_of_connections"),
    // It says why, and hangs up: who is still talking by then does not hear it.
                                                            lost("out_of_connections|connection_lost")),
];

const fn down(class: &'static str) -> Option<Word> {
    Some(("database", "down", class))
}

const fn lost(class: &'static str) -> Option<Word> {
    Some(("cache", "down", class))
}

fn line(trouble: Trouble) -> &'static Line {
    TABLE.iter().find(|line| line.0 == trouble).unwrap()
}

/// What this kind of request gets while the trouble lasts.
pub(super) fn cell(lost: Lost, trouble: Trouble, kind: Kind) -> Cell {
    match lost {
        Lost::Redis => Goes,
        Lost::Postgres | Lost::Both => line(trouble).1[kind as usize],
    }
}

/// The same while the trouble begins or ends.
pub(super) fn cell_in_between(lost: Lost, trouble: Trouble, kind: Kind) -> Cell {
    match cell(lost, trouble, kind) {
        Goes => Goes,
        Waits | Either => Either,
    }
}

/// What the health report is to say while it lasts.
pub(super) fn words(lost: Lost, trouble: Trouble) -> impl Iterator<Item = Word> {
    let (.., postgres, redis) = *line(trouble);
    let ledger = (trouble == OutOfDisk).then_some(("ledger", "degraded", "not_stored"));
    let postgres = postgres
        .into_iter()
        .chain(ledger)
        .filter(move |_| lost.has_postgres());
    postgres.chain(redis.filter(move |_| lost.has_redis()))
}
