//! `cargo testenv status`: what is up.

use std::{io::Write, process::ExitCode};

use super::persistent::Persistent;
use crate::{
    cache_dir::CacheDir,
    protocol::{Request, Response, Status},
};

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let persistent = Persistent::of(&CacheDir::from_env()?)?;
    let mut output = std::io::stdout();
    let Some(connection) = persistent.find() else {
        writeln!(output, "nothing is up: `cargo testenv up` starts a stack")?;
        return Ok(ExitCode::SUCCESS);
    };
    match connection.exchange(&Request::Status)? {
        Response::Status(status) => print(&mut output, connection.run(), &status)?,
        other => anyhow::bail!("the host answered {other:?} for its status"),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(output: &mut impl Write, run: &std::path::Path, status: &Status) -> std::io::Result<()> {
    writeln!(output, "run        {}", run.display())?;
    writeln!(output, "host       {}", status.host)?;
    for (name, state) in &status.containers {
        writeln!(output, "container  {name}  {state}")?;
    }
    for (pid, command) in &status.processes {
        let program = command.split(' ').next().unwrap_or_default();
        writeln!(output, "process    {pid}  {program}")?;
    }
    if let Some(kubeconfig) = &status.kubeconfig {
        writeln!(output, "kubeconfig {}", kubeconfig.display())?;
    }
    Ok(())
}
