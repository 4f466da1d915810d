//! One run of the test environment: its id, its folder, and the marks by which everything that it starts is found again.

mod process;

use std::{
    collections::HashMap,
    fmt, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) use process::Process;

use crate::{Error, file_lock::FileLock};

/// The label on every container, network and volume of a run; its value is the run's id.
pub(crate) const RUN_LABEL: &str = "dev.ultra.testenv.run";

/// The variable in the environment of every process of a run; its value is the run's id.
pub(crate) const RUN_VARIABLE: &str = "ULTRA_TESTENV_RUN";

/// The name of one run, unique on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RunId(String);

impl RunId {
    fn random() -> Self {
        Self(format!("{:08x}", rand::random::<u32>()))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder of one run: socket, logs, recorded processes, and what its parts keep. It goes when the run ends.
#[derive(Debug, Clone)]
pub(crate) struct RunDir {
    id: RunId,
    path: PathBuf,
}

impl RunDir {
    /// Makes the folder of a new run below `runs`, with the lock that says that its host lives.
    pub(crate) fn create(runs: &Path) -> Result<(Self, FileLock), Error> {
        fs::create_dir_all(runs).map_err(Error::at("create", runs))?;
        // Nobody may look for dead runs between the folder's appearance and its lock.
        let _guard = Self::guard(runs)?;
        let id = RunId::random();
        let run = Self {
            path: runs.join(id.as_str()),
            id,
        };
        let processes = run.processes_folder();
        fs::create_dir_all(&processes).map_err(Error::at("create", &processes))?;
        let lock = FileLock::take(&run.lock_path())?;
        Ok((run, lock))
    }

    /// Every run below `runs` whose host has died without cleaning up, locked for the caller, who is to do that.
    pub(crate) fn dead(runs: &Path) -> Result<Vec<(Self, FileLock)>, Error> {
        if !runs.is_dir() {
            return Ok(Vec::new());
        }
        let _guard = Self::guard(runs)?;
        let mut dead = Vec::new();
        for run in Self::all(runs)? {
            if let Some(lock) = FileLock::try_take(&run.lock_path())? {
                dead.push((run, lock));
            }
        }
        Ok(dead)
    }

    fn guard(runs: &Path) -> Result<FileLock, Error> {
        FileLock::take(&runs.join("lock"))
    }

    /// The run whose folder is `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Error::io(
                format!("open the run {}", path.display()),
                std::io::Error::from(std::io::ErrorKind::InvalidInput),
            )
        })?;
        Ok(Self {
            id: RunId(name.to_owned()),
            path: path.to_owned(),
        })
    }

    /// Every run that has a folder below `runs`, living or dead.
    fn all(runs: &Path) -> Result<Vec<Self>, Error> {
        let entries = match fs::read_dir(runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::at("list", runs)(error)),
        };
        entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .map(|entry| Self::open(&entry.path()))
            .collect()
    }

    /// The run's id.
    pub(crate) fn id(&self) -> &RunId {
        &self.id
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the host listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("host.sock")
    }

    /// What the host has to say.
    pub(crate) fn host_log(&self) -> PathBuf {
        self.path.join("host.log")
    }

    /// The folder for logs that outlive their run.
    pub(crate) fn logs(&self) -> Option<PathBuf> {
        Some(self.path.parent()?.parent()?.join("logs"))
    }

    /// Records the engine that the run uses, before anything is made in it.
    pub(crate) fn record_engine(&self, endpoint: &str) -> Result<(), Error> {
        let path = self.engine_path();
        fs::write(&path, endpoint).map_err(Error::at("write", &path))
    }

    /// The engine that the run uses, when it has come to use one.
    pub(crate) fn engine(&self) -> Option<String> {
        fs::read_to_string(self.engine_path())
            .ok()
            .filter(|endpoint| !endpoint.is_empty())
    }

    fn engine_path(&self) -> PathBuf {
        self.path.join("engine")
    }

    /// A folder of the run for one of its parts, made when it is not there.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(Error::at("create", &path))?;
        Ok(path)
    }

    /// The name of one of the run's containers or networks.
    pub(crate) fn name(&self, part: &str) -> String {
        format!("ultra-testenv-{}-{part}", self.id)
    }

    /// The labels by which the watchdog finds what the run made in the engine.
    pub(crate) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(RUN_LABEL.to_owned(), self.id.to_string())])
    }

    /// A command whose process, and whatever that starts, is found by the watchdog from its first moment.
    /// It leads a process group of its own, so that a Ctrl-C at the terminal is the run's to handle.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env(RUN_VARIABLE, self.id.as_str()).process_group(0);
        command
    }

    /// Records a process of the run, so that the watchdog ends it and its group even if it hides its environment.
    pub(crate) fn record_process(&self, pid: u32) -> Result<Process, Error> {
        let process = Process::read(pid)?;
        let path = self.processes_folder().join(format!("{pid}.json"));
        let text = serde_json::to_vec(&process)
            .map_err(|error| Error::io("write a process record", std::io::Error::other(error)))?;
        fs::write(&path, text).map_err(Error::at("write", &path))?;
        Ok(process)
    }

    /// Every process of the run that is still alive: those that were recorded, and those that carry its mark.
    pub(crate) fn living_processes(&self) -> Vec<Process> {
        let mut processes = process::marked(RUN_VARIABLE, self.id.as_str());
        processes.extend(self.recorded_processes().into_iter().filter(Process::is_alive));
        processes.sort_by_key(|process| process.pid);
        processes.dedup();
        processes
    }

    fn recorded_processes(&self) -> Vec<Process> {
        let Ok(entries) = fs::read_dir(self.processes_folder()) else {
            return Vec::new();
        };
        // A half-written record belongs to a host that was killed while writing it; the process carries the mark too.
        entries
            .flatten()
            .filter_map(|entry| serde_json::from_slice(&fs::read(entry.path()).ok()?).ok())
            .collect()
    }

    fn processes_folder(&self) -> PathBuf {
        self.path.join("processes")
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Removes the folder and all in it.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::at("remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_the_run_is_found_by_its_mark_without_a_record() {
        let runs = tempfile::tempdir().unwrap();
        let (run, _lock) = RunDir::create(runs.path()).unwrap();
        let mut child = run.command("sleep").arg("60").spawn().unwrap();
        let found = run.living_processes();
        for process in &found {
            process.kill_group();
        }
        child.wait().unwrap();
        assert_eq!(
            found.iter().map(|process| process.pid).collect::<Vec<_>>(),
            [child.id()]
        );
        assert!(run.living_processes().is_empty());
    }

    #[test]
    fn a_recorded_process_that_has_ended_is_not_mistaken_for_a_later_one() {
        let runs = tempfile::tempdir().unwrap();
        let (run, _lock) = RunDir::create(runs.path()).unwrap();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let mut recorded = run.record_process(child.id()).unwrap();
        assert!(recorded.is_alive());
        recorded.started += 1;
        assert!(!recorded.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(run.living_processes().is_empty());
    }

    #[test]
    fn a_run_counts_as_dead_when_its_lock_is_free_and_is_given_to_one_cleaner_only() {
        let runs = tempfile::tempdir().unwrap();
        let (run, lock) = RunDir::create(runs.path()).unwrap();
        assert!(RunDir::dead(runs.path()).unwrap().is_empty());
        drop(lock);
        let dead = RunDir::dead(runs.path()).unwrap();
        assert_eq!(
            dead.iter().map(|(run, _)| run.id()).collect::<Vec<_>>(),
            [run.id()]
        );
        assert!(RunDir::dead(runs.path()).unwrap().is_empty());
    }
}
