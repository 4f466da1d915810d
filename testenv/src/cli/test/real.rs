//! `--mode real`: the same flows with the providers whose keys are in the environment. They cost money, so that each
//! runs once and asks for little.

use std::env;

use super::{outcome::Outcome, report::Report, runner::Runner};

/// A provider, the variable of its key, and the test that asks it.
const PROVIDERS: [(&str, &str, &str); 3] = [
    ("openai", "OPENAI_API_KEY", "providers::real::openai"),
    ("anthropic", "ANTHROPIC_API_KEY", "providers::real::anthropic"),
    ("google", "GEMINI_API_KEY", "providers::real::google"),
];

/// Asks each provider that there is a key for.
pub(super) fn run() -> Report {
    let rows = PROVIDERS.map(|(name, variable, test)| {
        let outcome = if env::var_os(variable).is_some() {
            Runner::alone().run_ignored("ultra-service", "containers", test)
        } else {
            Outcome::skipped(format!("{variable} is not set"))
        };
        (name.to_owned(), outcome)
    });
    Report::new(rows.to_vec())
}
