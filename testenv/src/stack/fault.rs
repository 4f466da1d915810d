//! What can be done to a part of a dedicated stack, and the parts there are.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Something that happens to a part of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Frozen: connections stay open and nothing answers.
    Pause,
    /// Goes on after a pause.
    Unpause,
    /// Asked to end, as an orderly restart does.
    Stop,
    /// Runs again at the same address, and answers.
    Start,
    /// Stopped, then started.
    Restart,
    /// Ended without warning, as a crash does.
    Kill,
    /// Cut off: nothing arrives, in neither direction, and no connection ends.
    Partition,
    /// Every connection ends, and none can be made.
    Refuse,
    /// Every connection ends as if its peer had crashed; new ones can be made.
    Reset,
    /// Every answer comes this much later.
    Latency(Duration),
    /// Nothing more can be written to its disk.
    DiskFull,
    /// Statements wait: Postgres' tables are locked, as by a migration that takes long; Redis holds writes back.
    SlowQueries,
    /// Somebody else has all connections that there may be.
    OutOfConnections,
    /// The password is another one, and nobody is connected any more.
    WrongPassword,
    /// The end of a partition, and of all that follows it in this list.
    Heal,
}

impl Fault {
    /// Whether the container runs anew after it.
    #[cfg(feature = "cli")]
    pub(crate) fn starts(self) -> bool {
        matches!(self, Self::Start | Self::Restart)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Kill => "kill",
            Self::Partition => "partition",
            Self::Refuse => "refuse connections to",
            Self::Reset => "reset connections to",
            Self::Latency(_) => "slow down",
            Self::DiskFull => "fill the disk of",
            Self::SlowQueries => "slow down the statements of",
            Self::OutOfConnections => "take all connections of",
            Self::WrongPassword => "change the password of",
            Self::Heal => "heal",
        })
    }
}

/// A part of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Part {
    /// Postgres.
    Postgres,
    /// Redis.
    Redis,
    /// The service.
    Service,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Service => "service",
        })
    }
}

/// Gives a handle on a part the methods that disturb it. They work on a dedicated stack only.
macro_rules! faults {
    ($handle:ty, $part:expr) => {
        impl $handle {
            /// Does to it what the fault says.
            pub async fn disturb(&self, fault: $crate::stack::Fault) -> Result<(), $crate::Error> {
                self.lease.fault($part, fault).await
            }

            /// Freezes it: connections stay open and nothing answers.
            pub async fn pause(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Pause).await
            }

            /// Lets it go on after [`Self::pause`].
            pub async fn unpause(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Unpause).await
            }

            /// Asks it to end, as an orderly restart does, and waits until it has.
            pub async fn stop(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Stop).await
            }

            /// Starts it again at the same address, and waits until it answers.
            pub async fn start(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Start).await
            }

            /// Stops and starts it, and waits until it answers.
            pub async fn restart(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Restart).await
            }

            /// Ends it without warning, as a crash does.
            pub async fn kill(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Kill).await
            }

            /// What it has written so far, for the message of a failed test.
            pub async fn logs(&self) -> Result<String, $crate::Error> {
                self.lease.logs($part).await
            }
        }
    };
}
pub(super) use faults;

/// The same for what lies behind a network and keeps something: see [`Fault`].
macro_rules! server_faults {
    ($handle:ty) => {
        impl $handle {
            /// Cuts it off: nothing arrives, in neither direction, and no connection ends.
            pub async fn partition(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Partition).await
            }

            /// Ends every connection, and lets none be made.
            pub async fn refuse(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Refuse).await
            }

            /// Ends every connection as if its peer had crashed; new ones can be made.
            pub async fn reset(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Reset).await
            }

            /// Delays every answer by this much.
            pub async fn delay(&self, by: std::time::Duration) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Latency(by)).await
            }

            /// Fills its disk. Postgres needs a small one for this: see `StackBuilder::small_disk`.
            pub async fn fill_disk(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::DiskFull).await
            }

            /// Makes statements wait: Postgres' tables are locked, Redis holds writes back.
            pub async fn slow_queries(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::SlowQueries).await
            }

            /// Takes all connections that there may be.
            pub async fn exhaust_connections(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::OutOfConnections).await
            }

            /// Changes its password, and ends every connection.
            pub async fn change_password(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::WrongPassword).await
            }

            /// Undoes whatever of these is in effect.
            pub async fn heal(&self) -> Result<(), $crate::Error> {
                self.disturb($crate::stack::Fault::Heal).await
            }
        }
    };
}
pub(super) use server_faults;
