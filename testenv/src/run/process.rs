//! Processes, told apart from later ones that were given the same number.

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use crate::Error;

/// How long the kernel may take to start a process on a busy machine.
const LAID_DOWN_WITHIN: Duration = Duration::from_secs(5);

/// One process: its number, when it started, and its process group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// The process id.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since boot: a number that is given again comes with another start.
    pub(crate) started: u64,
    /// Its process group.
    pub(crate) group: u32,
}

impl Process {
    /// Reads what the kernel says of a living process.
    pub(crate) fn read(pid: u32) -> Result<Self, Error> {
        let path = format!("/proc/{pid}/stat");
        let stat = fs::read_to_string(&path).map_err(|error| Error::io(format!("read {path}"), error))?;
        Self::parse(pid, &stat).ok_or_else(|| {
            Error::io(
                format!("understand {path}"),
                std::io::Error::from(std::io::ErrorKind::InvalidData),
            )
        })
    }

    fn parse(pid: u32, stat: &str) -> Option<Self> {
        // The second field is the program's name in brackets, and may itself hold brackets and spaces.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if *fields.first()? == "Z" {
            return None;
        }
        Some(Self {
            pid,
            group: fields.get(2)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    /// Whether this very process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        Self::read(self.pid).is_ok_and(|now| now.started == self.started)
    }

    /// Its command line, for a person to read.
    pub(crate) fn command(&self) -> String {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&line)
            .replace('\0', " ")
            .trim()
            .to_owned()
    }

    /// Ends the process, and its group if it leads one, without asking.
    pub(crate) fn kill_group(&self) {
        if !self.is_alive() {
            return;
        }
        if self.group == self.pid {
            let _ = killpg(pid(self.group), Signal::SIGKILL);
        }
        let _ = kill(pid(self.pid), Signal::SIGKILL);
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap_or(i32::MAX))
}

/// Every living process that has `variable=value` in the environment that it was started with.
pub(super) fn marked(variable: &str, value: &str) -> Vec<Process> {
    let mark = format!("{variable}={value}");
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| carries(*pid, mark.as_bytes()))
        .filter_map(|pid| Process::read(pid).ok())
        .collect()
}

fn carries(pid: u32, mark: &[u8]) -> bool {
    environment(pid)
        .split(|byte| *byte == 0)
        .any(|entry| entry == mark)
}

/// The environment that a process was started with. Whoever starts one goes on a moment before the kernel has laid that
/// down, and until then it looks as if there were none.
fn environment(pid: u32) -> Vec<u8> {
    let deadline = Instant::now() + LAID_DOWN_WITHIN;
    loop {
        // In this order: what is laid down between the two is read the next time.
        let starts = is_being_started(pid) && Instant::now() < deadline;
        // One that may not be looked at is somebody else's, and never shows any.
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else {
            return Vec::new();
        };
        if !environment.is_empty() || !starts {
            return environment;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a process has memory already, and no place in it for its environment yet.
fn is_being_started(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| has_no_environment_yet(&stat))
}

fn has_no_environment_yet(stat: &str) -> bool {
    let fields = || stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace());
    let is_zero = |index| {
        fields()
            .and_then(|mut fields| fields.nth(index))
            .map(|field| field == "0")
    };
    // The sizes of the memory, which threads of the kernel do not have, and where the environment begins.
    is_zero(20) == Some(false) && is_zero(47) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let stat = "42 (a) b) S 1 40 40 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        assert_eq!(
            Process::parse(42, stat),
            Some(Process {
                pid: 42,
                group: 40,
                started: 987_654
            })
        );
    }

    #[test]
    fn a_process_that_was_started_this_moment_is_known_by_its_mark() {
        for _ in 0..50 {
            let mut child = std::process::Command::new("sleep")
                .arg("60")
                .env("ULTRA_TESTENV_MARK", "of this test")
                .spawn()
                .unwrap();
            let is_known = carries(child.id(), b"ULTRA_TESTENV_MARK=of this test");
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(is_known);
        }
    }

    #[test]
    fn nobody_is_waited_for_long_whoever_runs_on_this_machine() {
        let begin = Instant::now();
        marked("ULTRA_TESTENV_MARK", "of nobody");
        assert!(begin.elapsed() < LAID_DOWN_WITHIN, "{:?}", begin.elapsed());
    }

    #[test]
    fn what_never_has_an_environment_is_not_waited_for() {
        let kernel_thread = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 4 0 0 18446744073709551615 \
                             0 0 0 0 0 0 0 2147483647 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0";
        assert!(!has_no_environment_yet(kernel_thread));
        let own = fs::read_to_string("/proc/self/stat").unwrap();
        assert!(!has_no_environment_yet(&own));
    }

    #[test]
    fn a_process_that_only_waits_to_be_reaped_has_ended() {
        let stat = "42 (a) Z 1 40 40 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        assert_eq!(Process::parse(42, stat), None);
    }
}
