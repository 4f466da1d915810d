//! What becomes of each fault, in each stage, of one, some and all. The document shows the same table.

use std::time::Duration;

use ultra_testenv::llm::Fault;

/// One fault of a provider.
pub(super) struct Row {
    /// In words.
    pub(super) name: &'static str,
    pub(super) fault: Fault,
    /// What a caller gets who asked one model for a whole answer.
    pub(super) whole: Refusal,
    /// What a caller gets who asked one model for a stream.
    pub(super) streamed: Streamed,
    /// What a panel says of the model, in `left_out`.
    pub(super) detail: &'static str,
}

/// An error instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    /// `Retry-After`, in seconds.
    pub(super) retry_after: Option<u64>,
}

/// How a stream goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streamed {
    /// There is an error instead of a stream.
    Refused(Refusal),
    /// There is a beginning of an answer, or nothing of it, and then an event with an error of this code.
    BreaksOff(&'static str),
}

const TIMEOUT: Refusal = refusal(504, "provider_timeout", None);
const UNAVAILABLE: Refusal = refusal(503, "provider_unavailable", Some(1));
const MALFORMED: Refusal = refusal(502, "provider_malformed", None);
const UNAUTHORIZED: Refusal = refusal(502, "provider_unauthorized", None);

const fn refusal(status: u16, code: &'static str, retry_after: Option<u64>) -> Refusal {
    Refusal {
        status,
        code,
        retry_after,
    }
}

const fn limited(retry_after: u64) -> Refusal {
    refusal(429, "provider_rate_limited", Some(retry_after))
}

const fn status(status: u16, retry_after: Option<u64>) -> Fault {
    Fault::Status { status, retry_after }
}

/// An error that is known before the answer begins.
const fn at_once(name: &'static str, fault: Fault, refusal: Refusal, detail: &'static str) -> Row {
    Row {
        name,
        fault,
        whole: refusal,
        streamed: Streamed::Refused(refusal),
        detail,
    }
}

/// An error that shows when the answer has begun.
const fn midway(name: &'static str, fault: Fault, whole: Refusal, detail: &'static str) -> Row {
    Row {
        name,
        fault,
        whole,
        streamed: Streamed::BreaksOff(whole.code),
        detail,
    }
}

/// More than anybody waits for.
const LATE: Duration = Duration::from_secs(3_600);

/// More than is read of an event.
const HUGE_EVENT: usize = 17 * 1024 * 1024;

/// More than is read of a whole answer.
const HUGE_ANSWER: usize = 33 * 1024 * 1024;

pub(super) const ROWS: [Row; 15] = [
    at_once("slow first byte", Fault::Slow(LATE), TIMEOUT, "took too long to"),
    at_once("no byte at all", Fault::Silence, TIMEOUT, "took too long to"),
    midway(
        "headers, and no byte",
        Fault::SilentBody,
        TIMEOUT,
        "took too long to begin",
    ),
    midway(
        "stall mid-stream",
        Fault::Stall,
        TIMEOUT,
        "took too long to go on",
    ),
    midway(
        "connection reset (RST)",
        Fault::Reset,
        UNAVAILABLE,
        "connection broke off",
    ),
    midway(
        "connection closed (FIN)",
        Fault::Truncate,
        UNAVAILABLE,
        "connection broke off",
    ),
    midway(
        "malformed JSON",
        Fault::MalformedJson,
        MALFORMED,
        "its JSON ends too early",
    ),
    midway(
        "malformed events",
        Fault::MalformedSse,
        MALFORMED,
        "cannot be read",
    ),
    at_once(
        "401",
        status(401, None),
        UNAUTHORIZED,
        "does not take this service's key",
    ),
    at_once("429", status(429, None), limited(1), "takes no more requests"),
    at_once(
        "429, `Retry-After: 7`",
        status(429, Some(7)),
        limited(7),
        "takes no more requests",
    ),
    at_once("500", status(500, None), UNAVAILABLE, "500"),
    at_once("529", status(529, None), UNAVAILABLE, "529"),
    midway(
        "oversized answer",
        Fault::Oversized(HUGE_EVENT),
        MALFORMED,
        "has more than",
    ),
    at_once(
        "wrong content type",
        Fault::WrongContentType,
        MALFORMED,
        "of the type \"text/html",
    ),
];

/// Where a panel is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Initial,
    Review,
    Synthesis,
}

/// How many of those who are asked fail. Two of three members; in the synthesis, two of the four who are asked one
/// after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    One,
    Some,
    All,
}

/// What becomes of the panel, whatever the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It answers, and names so many that were left out.
    Answers { left_out: usize },
    /// It answers with a member's own answer, marked `degraded`.
    Degraded { left_out: usize },
    /// Too few are left: 503, `too_few_models`.
    TooFew { left_out: usize },
}

pub(super) const PANEL: [(Stage, Extent, Outcome); 9] = [
    (Stage::Initial, Extent::One, Outcome::Answers { left_out: 1 }),
    (Stage::Initial, Extent::Some, Outcome::TooFew { left_out: 2 }),
    (Stage::Initial, Extent::All, Outcome::TooFew { left_out: 3 }),
    (Stage::Review, Extent::One, Outcome::Answers { left_out: 1 }),
    (Stage::Review, Extent::Some, Outcome::TooFew { left_out: 2 }),
    (Stage::Review, Extent::All, Outcome::TooFew { left_out: 3 }),
    (Stage::Synthesis, Extent::One, Outcome::Answers { left_out: 1 }),
    (Stage::Synthesis, Extent::Some, Outcome::Answers { left_out: 2 }),
    (Stage::Synthesis, Extent::All, Outcome::Degraded { left_out: 4 }),
];

impl Stage {
    /// Its name in the API.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial_response",
            Self::Review => "peer_review_and_revision",
            Self::Synthesis => "ultra_synthesis",
        }
    }
}

impl Row {
    /// The fault as it strikes a whole answer, of which more is read than of an event.
    pub(super) fn fault_of_a_whole_answer(&self) -> Fault {
        match self.fault {
            Fault::Oversized(_) => Fault::Oversized(HUGE_ANSWER),
            ref other => other.clone(),
        }
    }

    /// Whether somebody has to wait until the fault shows.
    pub(super) fn takes_time(&self) -> bool {
        self.whole == TIMEOUT
    }
}
