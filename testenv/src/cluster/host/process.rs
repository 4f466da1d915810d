//! One process of a control plane, and its log.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use tokio::{process::Child, sync::Mutex};

use crate::{Error, host::Context};

/// How much of a log's end goes into an error.
const TAIL_LINES: usize = 20;

/// A process of the run. It is killed when this is dropped, or with the run: nothing that it keeps outlives that, so
/// there is nothing to end in order.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    log: PathBuf,
    child: Mutex<Child>,
}

impl Process {
    /// Starts the program `name` in `folder`, with its output in `<folder>/<name>.log`.
    pub(super) async fn start(
        context: &Context,
        name: &'static str,
        folder: &Path,
        arguments: &[String],
    ) -> Result<Self, Error> {
        let programs = context.kubernetes().await?;
        let program = programs.path(name).map_err(Error::refusal)?;
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).map_err(Error::at("create", &log))?;
        let errors = output.try_clone().map_err(Error::at("open", &log))?;
        let mut command = context.run().command(program);
        command
            .args(arguments)
            .current_dir(folder)
            .stdout(output)
            .stderr(errors);
        command.stdin(std::process::Stdio::null());
        let child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| Error::io(format!("start {}", program.display()), source))?;
        // Only a child that was waited for has lost its number.
        let pid = child.id().ok_or_else(|| Error::Ended {
            program: name,
            status: String::from("at once"),
            log: String::new(),
        })?;
        context.run().record_process(pid)?;
        Ok(Self {
            name,
            log,
            child: Mutex::new(child),
        })
    }

    /// Waits for `condition`, but no longer than the process lives. The error of one that does not come to hold in time
    /// holds the end of the process' log.
    pub(super) async fn until<T>(
        &self,
        condition: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut child = self.child.lock().await;
        tokio::select! {
            status = child.wait() => Err(self.ended(status)),
            result = condition => match result {
                Err(late @ Error::Deadline { .. }) => {
                    Err(Error::Unready { program: self.name, source: Box::new(late), log: self.tail() })
                }
                other => other,
            },
        }
    }

    fn ended(&self, status: std::io::Result<ExitStatus>) -> Error {
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Error::Ended {
            program: self.name,
            status,
            log: self.tail(),
        }
    }

    fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_else(|error| error.to_string());
        tail(&text, TAIL_LINES).to_owned()
    }
}

/// The last lines of a text.
pub(super) fn tail(text: &str, lines: usize) -> &str {
    let text = text.trim_end();
    match text.rmatch_indices('\n').nth(lines - 1) {
        Some((position, _)) => &text[position + 1..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_short_text_is_all_of_it() {
        assert_eq!(tail("a\nb\n", 2), "a\nb");
        assert_eq!(tail("", 2), "");
    }

    #[test]
    fn the_tail_of_a_long_text_is_its_last_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
    }
}
