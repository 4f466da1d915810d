//! Processes, told apart from later ones that were given the same number.

use std::fs;

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use crate::Error;

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
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == mark))
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
    fn a_process_that_only_waits_to_be_reaped_has_ended() {
        let stat = "42 (a) Z 1 40 40 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        assert_eq!(Process::parse(42, stat), None);
    }
}
