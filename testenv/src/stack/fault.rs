//! What can be done to a part of a dedicated stack, and the parts there are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that happens to a container.
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
            /// Freezes it: connections stay open and nothing answers.
            pub async fn pause(&self) -> Result<(), $crate::Error> {
                self.lease.fault($part, $crate::stack::Fault::Pause).await
            }

            /// Lets it go on after [`Self::pause`].
            pub async fn unpause(&self) -> Result<(), $crate::Error> {
                self.lease.fault($part, $crate::stack::Fault::Unpause).await
            }

            /// Asks it to end, as an orderly restart does, and waits until it has.
            pub async fn stop(&self) -> Result<(), $crate::Error> {
                self.lease.fault($part, $crate::stack::Fault::Stop).await
            }

            /// Starts it again at the same address, and waits until it answers.
            pub async fn start(&self) -> Result<(), $crate::Error> {
                self.lease.fault($part, $crate::stack::Fault::Start).await
            }

            /// Stops and starts it, and waits until it answers.
            pub async fn restart(&self) -> Result<(), $crate::Error> {
                self.lease.fault($part, $crate::stack::Fault::Restart).await
            }

            /// Ends it without warning, as a crash does.
            pub async fn kill(&self) -> Result<(), $crate::Error> {
                self.lease.fault($part, $crate::stack::Fault::Kill).await
            }

            /// What it has written so far, for the message of a failed test.
            pub async fn logs(&self) -> Result<String, $crate::Error> {
                self.lease.logs($part).await
            }
        }
    };
}
pub(super) use faults;
