//! The table at the end.

use std::fmt;

use super::outcome::Outcome;

/// One row per layer.
#[derive(Debug)]
pub(super) struct Report {
    rows: Vec<(String, Outcome)>,
}

impl Report {
    pub(super) fn new(rows: Vec<(String, Outcome)>) -> Self {
        Self { rows }
    }

    /// Whether nothing failed.
    pub(super) fn succeeded(&self) -> bool {
        self.sum(|outcome| outcome.failed) == 0
    }

    fn sum(&self, count: impl Fn(&Outcome) -> usize) -> usize {
        self.rows.iter().map(|(_, outcome)| count(outcome)).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12}{:>8}{:>8}{:>9}{:>9}",
            "layer", "passed", "failed", "skipped", "seconds"
        )?;
        for (name, outcome) in &self.rows {
            let Outcome {
                passed,
                failed,
                skipped,
                reason,
                took,
            } = outcome;
            let seconds = took.map_or_else(|| "-".to_owned(), |took| format!("{:.1}", took.as_secs_f64()));
            let reason = reason
                .as_ref()
                .map(|reason| format!("  {reason}"))
                .unwrap_or_default();
            writeln!(
                f,
                "{name:<12}{passed:>8}{failed:>8}{skipped:>9}{seconds:>9}{reason}"
            )?;
        }
        let (passed, failed) = (
            self.sum(|outcome| outcome.passed),
            self.sum(|outcome| outcome.failed),
        );
        writeln!(
            f,
            "\n{passed} passed, {failed} failed, {} skipped",
            self.sum(|outcome| outcome.skipped)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_line_stands_alone_and_sums_up() {
        let ran = Outcome {
            passed: 16,
            skipped: 1,
            ..Outcome::default()
        }
        .after(Duration::from_millis(12_340));
        let rows = vec![
            ("pure".to_owned(), ran),
            ("cluster".to_owned(), Outcome::not_run("no engine")),
            ("exhaustive".to_owned(), Outcome::skipped("runs with --all")),
        ];
        let report = Report::new(rows);
        assert!(!report.succeeded());
        insta::assert_snapshot!(report, @r"
        layer         passed  failed  skipped  seconds
        pure              16       0        1     12.3
        cluster            0       1        0        -  no engine
        exhaustive         0       0        1        -  runs with --all

        16 passed, 1 failed, 2 skipped
        ");
    }
}
