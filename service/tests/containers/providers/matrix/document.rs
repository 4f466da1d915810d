//! The table as the document shows it.

use std::fmt::Write as _;

use super::table::{Extent, Outcome, PANEL, ROWS, Refusal, Stage, Streamed};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/providers.md");

fn refused(refusal: Refusal) -> String {
    let Refusal {
        status,
        code,
        retry_after,
    } = refusal;
    let after = retry_after.map_or_else(String::new, |seconds| format!(", `Retry-After: {seconds}`"));
    format!("{status} `{code}`{after}")
}

fn faults() -> String {
    let mut table = "| fault | one model, whole answer | one model, stream |\n|---|---|---|\n".to_owned();
    for row in &ROWS {
        let streamed = match row.streamed {
            Streamed::Refused(refusal) if refusal == row.whole => "the same".to_owned(),
            Streamed::Refused(refusal) => refused(refusal),
            Streamed::BreaksOff(code) => format!("200, then an event with the error `{code}`"),
        };
        let _ = writeln!(table, "| {} | {} | {streamed} |", row.name, refused(row.whole));
    }
    table
}

fn panel() -> String {
    let mut table = "| stage | one fails | some fail | all fail |\n|---|---|---|---|\n".to_owned();
    for stage in [Stage::Initial, Stage::Review, Stage::Synthesis] {
        let _ = write!(table, "| `{}` |", stage.name());
        for extent in [Extent::One, Extent::Some, Extent::All] {
            let mut cells = PANEL.iter().filter(|(of, how, _)| (*of, *how) == (stage, extent));
            let (.., outcome) = cells.next().unwrap();
            let _ = match outcome {
                Outcome::Answers { left_out } => write!(table, " 200, {left_out} left out |"),
                Outcome::Degraded { left_out } => {
                    write!(
                        table,
                        " 200, {left_out} left out, a member's own answer, `degraded` |"
                    )
                }
                Outcome::TooFew { left_out } => {
                    write!(table, " 503 `too_few_models`, {left_out} left out |")
                }
            };
        }
        table.push('\n');
    }
    table
}

#[test]
fn the_document_shows_the_table_that_is_tested() {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    for table in [faults(), panel()] {
        assert!(
            document.contains(&table),
            "docs/providers.md is to hold this table:\n{table}"
        );
    }
}
