//! What provisioning tells the person who waits for it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where progress lines go; silent as long as nothing has to be made.
#[derive(Clone)]
pub struct Progress {
    sink: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Progress {
    /// Lines to standard error, each behind `provision: `.
    pub fn stderr() -> Self {
        Self::to(|line| {
            // A closed standard error must not stop the work.
            let _ = writeln!(std::io::stderr(), "provision: {line}");
        })
    }

    /// No lines at all.
    pub fn silent() -> Self {
        Self::to(|_| {})
    }

    /// Lines to `sink`.
    pub fn to(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { sink: Arc::new(sink) }
    }

    /// Says one line.
    pub fn say(&self, line: impl AsRef<str>) {
        (self.sink)(line.as_ref());
    }

    /// Says that `what` begins; [`Step::done`] says how long it took.
    pub fn begin(&self, what: impl Into<String>) -> Step {
        let what = what.into();
        self.say(format!("{what} …"));
        Step {
            progress: self.clone(),
            what,
            began: Instant::now(),
        }
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

/// A step that has begun.
#[derive(Debug)]
pub struct Step {
    progress: Progress,
    what: String,
    began: Instant,
}

impl Step {
    /// Says that the step is done, what came of it, and how long it took.
    pub fn done(self, result: impl AsRef<str>) {
        let seconds = display_seconds(self.began.elapsed());
        let result = result.as_ref();
        let comma = if result.is_empty() { "" } else { ", " };
        self.progress
            .say(format!("{} done ({result}{comma}{seconds})", self.what));
    }
}

fn display_seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_step_tells_its_beginning_its_result_and_its_seconds() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let progress = Progress::to({
            let lines = Arc::clone(&lines);
            move |line| lines.lock().unwrap().push(line.to_owned())
        });
        progress.begin("redis:8").done("21 MB");
        let lines = lines.lock().unwrap();
        assert_eq!(lines[0], "redis:8 …");
        assert!(lines[1].starts_with("redis:8 done (21 MB, 0.0 s"), "{}", lines[1]);
    }
}
