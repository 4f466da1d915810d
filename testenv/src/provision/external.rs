//! Runs the programs that provisioning stands on (apt, dpkg, go, cargo) and turns their failures into one line.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::error::{Error, Result};

/// One program with its arguments, and what a person is told when it does not work out.
#[derive(Debug)]
pub(crate) struct External {
    step: String,
    tool: String,
    remedy: &'static str,
    command: tokio::process::Command,
    log: PathBuf,
    space: Option<(PathBuf, u64)>,
}

impl External {
    /// `step` says what is being done; `remedy` how to get the tool when it is missing; everything it says goes to `log`.
    pub(crate) fn new(step: &str, tool: &str, remedy: &'static str, log: PathBuf) -> Self {
        let mut command = tokio::process::Command::new(tool);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self {
            step: step.to_owned(),
            tool: tool.to_owned(),
            remedy,
            command,
            log,
            space: None,
        }
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    pub(crate) fn without_env(mut self, names: impl IntoIterator<Item = OsString>) -> Self {
        for name in names {
            self.command.env_remove(name);
        }
        self
    }

    pub(crate) fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Where the program writes, and how much it may need there, for the line about a full disk.
    pub(crate) fn needs_space(mut self, folder: &Path, megabytes: u64) -> Self {
        self.space = Some((folder.to_owned(), megabytes));
        self
    }

    /// Runs it to its end and returns its standard output.
    pub(crate) async fn run(mut self) -> Result<String> {
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::MissingTool {
                    tool: self.tool,
                    remedy: self.remedy.to_owned(),
                });
            }
            Err(error) => return Err(Error::file(&self.step, Path::new(&self.tool), error)),
        };
        let mut log = self.open_log();
        let (mut stdout, mut stderr) = (String::new(), Vec::new());
        let read = tokio::try_join!(
            read(child.stdout.take(), &mut stdout),
            copy(child.stderr.take(), &mut stderr, log.as_mut()),
            child.wait(),
        );
        let ((), (), status) = read.map_err(|error| Error::file(&self.step, Path::new(&self.tool), error))?;
        if status.success() {
            return Ok(stdout);
        }
        if let Some(log) = &mut log {
            let _ = log.write_all(stdout.as_bytes());
        }
        Err(self.explain(&format!("{stdout}\n{}", String::from_utf8_lossy(&stderr))))
    }

    /// A log that cannot be written must not hide the program's own failure.
    fn open_log(&self) -> Option<File> {
        let opened = OpenOptions::new().create(true).append(true).open(&self.log);
        let mut log = opened
            .inspect_err(|error| tracing::debug!(log = %self.log.display(), %error, "cannot write the log"))
            .ok()?;
        writeln!(log, "$ {:?}", self.command.as_std()).ok()?;
        Some(log)
    }

    fn explain(self, said: &str) -> Error {
        match Failure::of(said) {
            Failure::DiskFull => {
                let (folder, megabytes) = self
                    .space
                    .unwrap_or_else(|| (self.log.parent().unwrap_or(&self.log).to_owned(), 0));
                Error::disk_full(&self.step, &folder, megabytes)
            }
            Failure::Download(reason) => Error::Download {
                step: self.step,
                reason,
            },
            Failure::Other(reason) => Error::Step {
                step: self.step,
                reason,
                log: self.log,
            },
        }
    }
}

async fn read(stdout: Option<impl AsyncRead + Unpin>, text: &mut String) -> io::Result<()> {
    let mut bytes = Vec::new();
    if let Some(mut stdout) = stdout {
        stdout.read_to_end(&mut bytes).await?;
    }
    text.push_str(&String::from_utf8_lossy(&bytes));
    Ok(())
}

/// Into the log as it comes, so that a person can follow a long step there.
async fn copy(
    stderr: Option<impl AsyncRead + Unpin>,
    bytes: &mut Vec<u8>,
    mut log: Option<&mut File>,
) -> io::Result<()> {
    let Some(mut stderr) = stderr else { return Ok(()) };
    loop {
        let begin = bytes.len();
        if stderr.read_buf(bytes).await? == 0 {
            return Ok(());
        }
        if let Some(log) = &mut log {
            let _ = log.write_all(&bytes[begin..]);
        }
    }
}

/// Why a program failed, read from what it said.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    DiskFull,
    Download(String),
    Other(String),
}

/// What apt, Go and cargo say when it is the network, and not they, that failed.
const DOWNLOAD_MARKS: [&str; 14] = [
    "dial tcp",
    "i/o timeout",
    "TLS handshake",
    "connection reset",
    "connection refused",
    "unexpected EOF",
    "checksum mismatch",
    "Hash Sum mismatch",
    "File has unexpected size",
    "Failed to fetch",
    "Could not resolve",
    "Temporary failure resolving",
    "Could not connect",
    "failed to download",
];

/// What they say when the disk is full.
const FULL_DISK_MARKS: [&str; 3] = [
    "no space left on device",
    "disk quota exceeded",
    "enough free space",
];

impl Failure {
    fn of(said: &str) -> Self {
        let lower = |line: &str| line.to_lowercase();
        if FULL_DISK_MARKS.iter().any(|mark| lower(said).contains(mark)) {
            return Self::DiskFull;
        }
        let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
        let network = lines().find(|line| {
            DOWNLOAD_MARKS
                .iter()
                .any(|mark| lower(line).contains(&lower(mark)))
        });
        match network {
            Some(line) => Self::Download(line.to_owned()),
            None => Self::Other(lines().next_back().unwrap_or("it said nothing").to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn external(tool: &str, folder: &Path) -> External {
        External::new("building x", tool, "install it", folder.join("log"))
    }

    #[tokio::test]
    async fn a_tool_that_is_not_installed_is_named_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let error = external("no-such-tool", folder.path()).run().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`no-such-tool` is not installed: install it, then run again"
        );
    }

    #[tokio::test]
    async fn a_failure_ends_in_the_last_line_and_the_log_holds_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let error = external("sh", folder.path())
            .args(["-c", "echo first; echo the reason >&2; exit 3"])
            .run()
            .await
            .unwrap_err();
        assert!(
            matches!(&error, Error::Step { reason, .. } if reason == "the reason"),
            "{error}"
        );
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(log.contains("first") && log.contains("the reason"), "{log}");
    }

    #[tokio::test]
    async fn a_full_disk_names_the_folder_and_the_need() {
        let folder = tempfile::tempdir().unwrap();
        let error = external("sh", folder.path())
            .args(["-c", "echo 'write x: No space left on device' >&2; exit 1"])
            .needs_space(Path::new("/cache"), 2048)
            .run()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the disk is full while building x: free at least 2048 MB under /cache, then run again; it resumes where it stopped"
        );
    }

    #[test]
    fn a_broken_download_is_told_apart_from_a_broken_build() {
        let apt =
            "E: Failed to fetch http://mirror/x.deb  Connection failed\nE: Some files failed to download";
        assert!(
            matches!(Failure::of(apt), Failure::Download(line) if line.starts_with("E: Failed to fetch"))
        );
        let go = "go: x@v1: Get \"https://proxy/x\": dial tcp: lookup proxy: no such host";
        assert!(matches!(Failure::of(go), Failure::Download(_)));
        let compile = "# x\n./main.go:3:1: syntax error";
        assert_eq!(
            Failure::of(compile),
            Failure::Other("./main.go:3:1: syntax error".to_owned())
        );
    }
}
