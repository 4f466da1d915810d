//! Starts a host process and waits until it listens.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::Error;

/// A host that listens.
#[derive(Debug)]
pub(crate) struct Launched {
    /// Its process.
    pub(crate) child: Child,
    /// Where it listens.
    pub(crate) socket: PathBuf,
}

/// Starts `command` as a host that ends by `mode`. It leads a process group of its own, so that a Ctrl-C at the
/// terminal reaches its clients only, whose end it sees.
pub(crate) fn launch(mut command: Command, mode: &str) -> Result<Launched, Error> {
    // Without a name, so that nothing is left of it. The host keeps its log in its run's folder.
    let mut complaints = tempfile::tempfile().map_err(|error| Error::io("make a temporary file", error))?;
    let stderr = complaints
        .try_clone()
        .map_err(|error| Error::io("copy a file handle", error))?;
    let mut child = command
        .args(["host", "--mode", mode])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(|error| Error::io(format!("start {}", command.get_program().display()), error))?;
    match first_line(&mut child) {
        Some(socket) => Ok(Launched { child, socket }),
        None => Err(Error::HostStart {
            reason: last_words(&mut child, &mut complaints),
        }),
    }
}

/// The host prints its socket's path when it listens; when it cannot, its output ends without a line.
fn first_line(child: &mut Child) -> Option<PathBuf> {
    let mut line = String::new();
    BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
    let socket = line.strip_suffix('\n')?;
    Some(PathBuf::from(socket))
}

fn last_words(child: &mut Child, complaints: &mut File) -> String {
    let status = child.wait().map(|status| status.to_string()).unwrap_or_default();
    let mut text = String::new();
    let _ = complaints
        .rewind()
        .and_then(|()| complaints.read_to_string(&mut text));
    format!("{status}\n{}", text.trim())
}
