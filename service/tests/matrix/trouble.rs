//! What can be the matter, and with whom.

use std::time::Duration;

use ultra_testenv::{Fault, Stack};

use super::bench::{DATABASE_WAIT, REDIS_WAIT};

/// Which dependency is in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Postgres,
    Redis,
    Both,
}

impl Lost {
    pub(super) fn has_postgres(self) -> bool {
        self != Self::Redis
    }

    pub(super) fn has_redis(self) -> bool {
        self != Self::Postgres
    }
}

/// What kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Killed,
    Paused,
    Restarted,
    Partitioned,
    Refused,
    /// Each answer comes a little later than anybody waits for it.
    Slow,
    /// It answers, but not to statements that touch a table, or write a key.
    Locked,
    WrongPassword,
    OutOfDisk,
    OutOfConnections,
}

impl Trouble {
    pub(super) async fn begin(self, lost: Lost, stack: &Stack) {
        disturb(lost, stack, |wait| match self {
            Self::Killed => Fault::Kill,
            Self::Paused => Fault::Pause,
            Self::Restarted => Fault::Restart,
            Self::Partitioned => Fault::Partition,
            Self::Refused => Fault::Refuse,
            Self::Slow => Fault::Latency(wait.mul_f64(1.5)),
            Self::Locked => Fault::SlowQueries,
            Self::WrongPassword => Fault::WrongPassword,
            Self::OutOfDisk => Fault::DiskFull,
            Self::OutOfConnections => Fault::OutOfConnections,
        })
        .await;
    }

    pub(super) async fn end(self, lost: Lost, stack: &Stack) {
        let remedy = match self {
            Self::Killed => Fault::Start,
            Self::Paused => Fault::Unpause,
            // It is over when it has begun.
            Self::Restarted => return,
            _ => Fault::Heal,
        };
        disturb(lost, stack, |_| remedy).await;
    }
}

/// Does this to what is to be lost; the fault may depend on how long the service waits for it.
async fn disturb(lost: Lost, stack: &Stack, fault: impl Fn(Duration) -> Fault) {
    let postgres = async {
        if lost.has_postgres() {
            stack.postgres().disturb(fault(DATABASE_WAIT)).await.unwrap();
        }
    };
    let redis = async {
        if lost.has_redis() {
            stack.redis().disturb(fault(REDIS_WAIT)).await.unwrap();
        }
    };
    tokio::join!(postgres, redis);
}
