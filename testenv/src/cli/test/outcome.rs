//! What came of a layer.

use std::time::Duration;

/// The sum of a layer's tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Tests that passed.
    pub(super) passed: usize,
    /// Tests that failed, and a layer that could not run.
    pub(super) failed: usize,
    /// Tests that were left out.
    pub(super) skipped: usize,
    /// Why something was left out or could not run.
    pub(super) reason: Option<String>,
    /// How long it took; absent when it was left out.
    pub(super) took: Option<Duration>,
}

impl Outcome {
    /// Something that was left out as a whole.
    pub(super) fn skipped(reason: impl Into<String>) -> Self {
        Self {
            skipped: 1,
            reason: Some(reason.into()),
            ..Self::default()
        }
    }

    /// Something that should have run and could not: that is a failure.
    pub(super) fn not_run(reason: impl Into<String>) -> Self {
        Self {
            failed: 1,
            reason: Some(reason.into()),
            ..Self::default()
        }
    }

    /// With its time.
    pub(super) fn after(self, took: Duration) -> Self {
        Self {
            took: Some(took),
            ..self
        }
    }

    /// Adds what a line of the tests' output says, if it sums tests up.
    pub(super) fn add_line(&mut self, line: &str) {
        let Some(counts) = cargo_summary(line).or_else(|| nextest_summary(line)) else {
            return;
        };
        self.passed += counted(counts, &["passed"]);
        self.failed += counted(counts, &["failed", "timed out", "exec failed"]);
        self.skipped += counted(counts, &["ignored", "skipped"]);
    }
}

/// `test result: ok. 16 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s`
fn cargo_summary(line: &str) -> Option<&str> {
    let (_, counts) = line.trim_start().strip_prefix("test result:")?.split_once(". ")?;
    Some(counts)
}

/// `     Summary [   0.512s] 18 tests run: 16 passed (1 slow), 1 failed, 1 timed out, 3 skipped`
fn nextest_summary(line: &str) -> Option<&str> {
    let (_, counts) = line
        .trim_start()
        .strip_prefix("Summary [")?
        .split_once(" run: ")?;
    Some(counts)
}

/// The number before any of these words, in a list of numbers and words.
fn counted(counts: &str, words: &[&str]) -> usize {
    counts
        .split([',', ';'])
        .filter_map(|entry| entry.trim().split_once(' '))
        .filter(|(_, word)| words.iter().any(|wanted| word.starts_with(wanted)))
        .filter_map(|(number, _)| number.parse::<usize>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> (usize, usize, usize) {
        let mut outcome = Outcome::default();
        lines.iter().for_each(|line| outcome.add_line(line));
        (outcome.passed, outcome.failed, outcome.skipped)
    }

    #[test]
    fn the_summaries_of_several_test_binaries_add_up() {
        let lines = [
            "running 17 tests",
            "test result: ok. 16 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            "test the_test_result: ok. 5 passed ... ok",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ];
        assert_eq!(of(&lines), (18, 3, 1));
    }

    #[test]
    fn a_summary_of_nextest_counts_tests_that_ran_out_of_time_as_failed() {
        let line =
            "     Summary [   0.512s] 18 tests run: 16 passed (1 slow), 1 failed, 1 timed out, 3 skipped";
        assert_eq!(of(&[line]), (16, 2, 3));
    }

    #[test]
    fn an_interrupted_run_of_nextest_counts_what_it_ran() {
        let line = "     Summary [   0.512s] 2/18 tests run: 1 passed, 1 failed, 16 skipped";
        assert_eq!(of(&[line]), (1, 1, 16));
    }
}
