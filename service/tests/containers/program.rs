//! The program itself, in a process of its own, with all that it prints.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::harness::until;

/// A running `ultra-service`; it is killed when it is dropped.
pub(crate) struct Program {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    process: Child,
    vars: Vec<(String, String)>,
    folder: TempDir,
}

impl Program {
    /// With nothing but these variables, a folder for its data and a free port.
    pub(crate) async fn start(vars: &[(&str, &str)]) -> Self {
        // The client takes the process's default, as it was built without one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::new().unwrap();
        let mut vars: Vec<_> = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let data = folder.path().join("data").display().to_string();
        vars.push(("ULTRA_DATA_DIR".to_owned(), data));
        vars.push(("ULTRA_LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
        let log = folder.path().join("log");
        let (out, errors) = (
            File::create(&log).unwrap(),
            File::options().append(true).open(&log),
        );
        let process = command(&vars)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors.unwrap())
            .spawn()
            .unwrap();
        let url = until("the program listens", async || {
            let log = std::fs::read_to_string(&log).unwrap();
            let url = log.split_once("listening on http://").map(|(_, rest)| {
                let address: String = rest
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
                    .collect();
                format!("http://{address}")
            });
            url.ok_or(log)
        })
        .await;
        Self {
            url,
            client: reqwest::Client::new(),
            process,
            vars,
            folder,
        }
    }

    /// Runs another subcommand with the same variables.
    pub(crate) fn run(&self, arguments: &[&str], more: &[(&str, &str)]) -> Output {
        command(&self.vars)
            .args(arguments)
            .envs(more.iter().copied())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Asks it to end, as an orchestrator does.
    pub(crate) fn terminate(&self) {
        let id = nix::unistd::Pid::from_raw(self.process.id().try_into().unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything that it has printed.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Where its data is.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(vars: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ultra-service"));
    command
        .env_clear()
        .envs(vars.iter().map(|(name, value)| (name, value)));
    command
}
