//! What a process printed and how it ended.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    time,
};

use super::Error;

/// What a process printed and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// The standard output of a process that succeeded; everything it said where it did not.
    pub fn success(self) -> Result<String, Error> {
        if self.status.success() {
            Ok(self.stdout)
        } else {
            Err(Error::Script(Box::new(self)))
        }
    }

    /// The one line that tells most about a failure: tools end with it.
    pub(super) fn last_words(&self) -> String {
        let lines = || self.stderr.lines().chain(self.stdout.lines()).map(str::trim);
        lines()
            .find(|line| {
                ["ERROR", "E: ", "npm error"]
                    .iter()
                    .any(|mark| line.starts_with(mark))
            })
            .or_else(|| lines().rfind(|line| !line.is_empty()))
            .map_or_else(|| self.status.to_string(), str::to_owned)
    }
}

/// Runs `command` to its end, or kills it at the deadline.
pub(super) async fn of(mut command: Command, what: &'static str, timeout: Duration) -> Result<Output, Error> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| Error::Io {
            step: "start a process",
            source,
        })?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let ended = time::timeout(timeout, read_to_end(&mut child, &mut stdout, &mut stderr)).await;
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match ended {
        Ok(status) => Ok(Output {
            status: status.map_err(Error::io("read from a process"))?,
            stdout,
            stderr,
        }),
        Err(_) => Err(Error::Timeout {
            what,
            after: timeout,
            printed: stdout + &stderr,
        }),
    }
}

/// A step on the way to a client.
pub(super) async fn step(step: &'static str, command: Command, deadline: Duration) -> Result<(), Error> {
    let failed = |reason| Error::Environment { step, reason };
    let output = match of(command, "making the clients", deadline).await {
        Ok(output) => output,
        Err(Error::Io { source, .. }) => return Err(failed(source.to_string())),
        Err(error) => return Err(error),
    };
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(output.last_words()))
    }
}

async fn read_to_end(
    child: &mut Child,
    stdout: &mut Vec<u8>,
    stderr: &mut Vec<u8>,
) -> std::io::Result<ExitStatus> {
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let read_out = async {
        match &mut out {
            Some(pipe) => pipe.read_to_end(stdout).await,
            None => Ok(0),
        }
    };
    let read_err = async {
        match &mut err {
            Some(pipe) => pipe.read_to_end(stderr).await,
            None => Ok(0),
        }
    };
    let (_, _, status) = tokio::try_join!(read_out, read_err, child.wait())?;
    Ok(status)
}
