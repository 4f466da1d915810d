//! `cargo testenv chaos`: disturbs a part of the stack that is up.

use std::{io::Write, process::ExitCode, time::Duration};

use super::persistent::Persistent;
use crate::{
    cache_dir::CacheDir,
    protocol::Request,
    stack::{Fault, Part},
};

/// Arguments of `chaos`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What happens.
    #[arg(value_enum)]
    fault: Name,
    /// To which part of the stack.
    #[arg(value_enum)]
    part: Part,
    /// How much later answers come, for `latency`.
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    milliseconds: u32,
}

/// The faults that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// Frozen: connections stay open and nothing answers.
    Pause,
    /// Goes on after a pause.
    Unpause,
    /// Asked to end, as an orderly restart does.
    Stop,
    /// Runs again at the same address.
    Start,
    /// Stopped, then started.
    Restart,
    /// Ended without warning, as a crash does.
    Kill,
    /// Cut off: nothing arrives, and no connection ends.
    Partition,
    /// Every connection ends, and none can be made.
    Refuse,
    /// Every connection ends; new ones can be made.
    Reset,
    /// Every answer comes later.
    Latency,
    /// Nothing more can be written to its disk.
    DiskFull,
    /// Statements wait: tables are locked, writes held back.
    SlowQueries,
    /// Somebody else has all connections that there may be.
    OutOfConnections,
    /// The password is another one.
    WrongPassword,
    /// The end of a partition, and of all that follows it in this list.
    Heal,
}

impl Name {
    fn fault(self, milliseconds: u32) -> Fault {
        match self {
            Self::Pause => Fault::Pause,
            Self::Unpause => Fault::Unpause,
            Self::Stop => Fault::Stop,
            Self::Start => Fault::Start,
            Self::Restart => Fault::Restart,
            Self::Kill => Fault::Kill,
            Self::Partition => Fault::Partition,
            Self::Refuse => Fault::Refuse,
            Self::Reset => Fault::Reset,
            Self::Latency => Fault::Latency(Duration::from_millis(milliseconds.into())),
            Self::DiskFull => Fault::DiskFull,
            Self::SlowQueries => Fault::SlowQueries,
            Self::OutOfConnections => Fault::OutOfConnections,
            Self::WrongPassword => Fault::WrongPassword,
            Self::Heal => Fault::Heal,
        }
    }

    /// What ends it.
    fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Pause => Some("unpause"),
            Self::Stop | Self::Kill => Some("start"),
            Self::Unpause | Self::Start | Self::Restart | Self::Reset | Self::Heal => None,
            Self::Partition
            | Self::Refuse
            | Self::Latency
            | Self::DiskFull
            | Self::SlowQueries
            | Self::OutOfConnections
            | Self::WrongPassword => Some("heal"),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments {
        fault,
        part,
        milliseconds,
    } = *arguments;
    let connection = Persistent::of(&CacheDir::from_env()?)?.connect()?;
    let request = Request::Fault {
        part,
        fault: fault.fault(milliseconds),
    };
    connection.exchange(&request)?;
    if let Some(remedy) = fault.remedy() {
        writeln!(std::io::stderr(), "`cargo testenv chaos {remedy} {part}` ends it")?;
    }
    Ok(ExitCode::SUCCESS)
}
