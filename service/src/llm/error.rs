use std::{fmt, time::Duration};

use crate::domain::ModelId;

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No provider has this model.
    #[error("no provider has the model {0}")]
    UnknownModel(ModelId),
    /// The model's provider does not have what the request asks for.
    #[error("{provider} has no `{parameter}`: {why}")]
    Unsupported {
        /// Who has it not.
        provider: String,
        /// What, in OpenAI's words.
        parameter: &'static str,
        /// Why, or what it has instead.
        why: &'static str,
    },
    /// The provider says that the request is wrong.
    #[error("the provider refuses the request ({status}): {message}")]
    Refused {
        /// With this status.
        status: u16,
        /// In these words.
        message: String,
    },
    /// The provider does not take this service's key, or has none to take.
    #[error("the provider does not take this service's key ({status})")]
    Unauthorized {
        /// With this status.
        status: u16,
    },
    /// The provider gets more requests than it takes.
    #[error("the provider takes no more requests for now")]
    RateLimited {
        /// Until then.
        retry_after: Option<Duration>,
    },
    /// The provider cannot be reached, or says that it cannot serve.
    #[error("the provider is unavailable: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
        /// When it may be back.
        retry_after: Option<Duration>,
    },
    /// The provider took too long.
    #[error("the provider took too long {0}")]
    TimedOut(Phase),
    /// The provider answered something that is no answer.
    #[error("the provider's answer cannot be read: {0}")]
    Malformed(String),
    /// The stream ended without an end, or with nothing in it.
    #[error("the provider's answer is incomplete")]
    Incomplete,
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// To connect.
    Connect,
    /// To begin its answer.
    FirstByte,
    /// To go on with its answer.
    NextChunk,
    /// To end its answer.
    Total,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "to connect",
            Self::FirstByte => "to begin its answer",
            Self::NextChunk => "to go on with its answer",
            Self::Total => "to end its answer",
        })
    }
}

/// So much of a provider's own words is told.
const MOST_CHARACTERS: usize = 1_000;

/// A provider's own words, as far as they are told.
pub(super) fn in_bounds(words: &str) -> String {
    words.chars().take(MOST_CHARACTERS).collect()
}

impl Error {
    /// A provider that cannot serve, for this reason.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable {
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// A provider that broke off its answer, in its own words.
    pub(super) fn broke_off(words: &str) -> Self {
        Self::unavailable(format!("it broke off its answer: {}", in_bounds(words)))
    }

    /// Whether the request is wrong, and nobody else could have answered it from here.
    pub fn is_callers(&self) -> bool {
        matches!(
            self,
            Self::UnknownModel(_) | Self::Unsupported { .. } | Self::Refused { .. }
        )
    }

    /// One stable word for it.
    pub fn class(&self) -> &'static str {
        match self {
            Self::UnknownModel(_) => "unknown_model",
            Self::Unsupported { .. } => "unsupported",
            Self::Refused { .. } => "refused",
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "unavailable",
            Self::TimedOut(_) => "timeout",
            Self::Malformed(_) => "malformed",
            Self::Incomplete => "incomplete",
        }
    }

    /// When to come back, where the provider says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// An answer whose JSON cannot be read. The text around the mistake stays out of it: it is a person's answer.
    pub(crate) fn malformed_json(error: &serde_json::Error) -> Self {
        use serde_json::error::Category;

        let kind = match error.classify() {
            Category::Eof => "ends too early",
            Category::Data => "has not the shape that it should have",
            Category::Io | Category::Syntax => "is no JSON",
        };
        let (line, column) = (error.line(), error.column());
        Self::Malformed(format!("its JSON {kind}, at line {line} column {column}"))
    }

    /// Whether another try, or another provider, may do better: what is wrong with the request stays wrong.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::TimedOut(_)
            | Self::Malformed(_)
            | Self::Incomplete => true,
            Self::UnknownModel(_)
            | Self::Unsupported { .. }
            | Self::Refused { .. }
            | Self::Unauthorized { .. } => false,
        }
    }
}
