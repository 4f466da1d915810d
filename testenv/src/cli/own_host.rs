//! A host that ends with this process.

use std::{path::Path, process::Child};

use anyhow::Context;

use crate::{
    client::{Connection, launch},
    host::Mode,
    program::this_program,
    protocol::Request,
    run::RunDir,
};

/// A host and its owner's connection: the run ends when this is dropped, and when this process ends, however it does.
pub(super) struct OwnHost {
    connection: Connection,
    run: RunDir,
    child: Child,
}

impl OwnHost {
    /// Starts a host from this program.
    pub(super) fn start() -> anyhow::Result<Self> {
        let program = this_program().context("cannot find this program")?;
        let launched = launch(program, Mode::Owner.name())?;
        let connection = Connection::to(&launched.socket)?;
        connection.exchange(&Request::Own)?;
        let run = RunDir::open(connection.run())?;
        Ok(Self {
            connection,
            run,
            child: launched.child,
        })
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> &Path {
        self.connection.socket()
    }

    /// The run.
    pub(super) fn run(&self) -> &RunDir {
        &self.run
    }

    /// Ends the run; returns when the host has ended.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        self.connection.exchange(&Request::Down)?;
        self.child.wait().context("cannot wait for the host")?;
        Ok(())
    }
}
