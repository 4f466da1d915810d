//! The reason Ultra exists: several models answer a question, read each other's answers, revise their own, and one
//! model writes the final answer.
//!
//! [`plan`] and [`deliberation`] are pure: they decide what is asked next and what comes of an answer, and know no
//! clock and no network. [`runner`] does what they say.

pub(crate) mod comparison;
mod consensus;
mod deliberation;
mod event;
mod plan;
mod prompts;
mod runner;
mod stage;
mod variety;
mod verdict;
mod worst_case;

pub use comparison::{Comparison, Contradiction, Insight, Position};
pub use event::Event;
pub use plan::Plan;
pub use prompts::fingerprint as prompts_fingerprint;
pub use runner::{Progress, run};
pub use stage::{Stage, Stages};
pub use verdict::{
    Chosen, Failure, LeftOut, Member, MemberAnswer, Reason, SkipReason, Skipped, StageReport, Stance, Verdict,
};
pub use worst_case::{first_stage, worst_case};
