//! The program itself, in a process of its own, with all that it prints.

use std::{
    collections::BTreeMap,
    fs::File,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::harness::{ROOM, until};

const LISTEN: &str = "ULTRA_LISTEN";

/// A running `ultra-service`; it is killed when it is dropped.
pub(crate) struct Program {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    process: Child,
    vars: BTreeMap<String, String>,
    folder: TempDir,
}

impl Program {
    /// With nothing but these variables, a folder for its data and a free port.
    pub(crate) async fn start(vars: &[(&str, &str)]) -> Self {
        Self::start_in(TempDir::new().unwrap(), vars).await
    }

    /// The same, where everybody may ask as often as a test does.
    pub(crate) async fn start_with_room(vars: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("config.yaml");
        std::fs::write(&config, ROOM).unwrap();
        let mut vars = vars.to_vec();
        vars.push(("ULTRA_CONFIG_FILE", config.to_str().unwrap()));
        Self::start_in(folder, &vars).await
    }

    async fn start_in(folder: TempDir, vars: &[(&str, &str)]) -> Self {
        // The client takes the process's default, as it was built without one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data = folder.path().join("data").display().to_string();
        let own = [("ULTRA_DATA_DIR", data.as_str()), (LISTEN, "127.0.0.1:0")];
        let vars: BTreeMap<_, _> = vars
            .iter()
            .chain(&own)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut program = Self {
            url: String::new(),
            client: reqwest::Client::new(),
            process: serve(&folder, &vars),
            vars,
            folder,
        };
        let address = until("the program listens", async || {
            let log = program.log();
            let address = log.split_once("listening on http://").map(|(_, rest)| {
                let is_address = |c: &char| c.is_ascii_digit() || ".:".contains(*c);
                rest.chars().take_while(is_address).collect::<String>()
            });
            address.ok_or(log)
        })
        .await;
        program.url = format!("http://{address}");
        // Where it is started again, it is found at the same address.
        program.vars.insert(LISTEN.to_owned(), address);
        program
    }

    /// Waits until it takes requests.
    pub(crate) async fn until_ready(&self) {
        until("the program is ready", async || {
            let ready = self.client.get(format!("{}/health/ready", self.url));
            match ready.send().await {
                Ok(response) if response.status() == 200 => Ok(()),
                other => Err(format!("{other:?}\n{}", self.log())),
            }
        })
        .await;
    }

    /// Kills it, and starts it again at once.
    pub(crate) fn kill_and_start_again(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = serve(&self.folder, &self.vars);
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

/// Everything that it prints is in one file, in its order.
fn serve(folder: &TempDir, vars: &BTreeMap<String, String>) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.path().join("log"))
        .unwrap();
    command(vars)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn command(vars: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ultra-service"));
    command.env_clear().envs(vars);
    command
}
