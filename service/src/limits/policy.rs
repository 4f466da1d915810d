use std::{fmt, time::Duration};

use super::bucket::{Bucket, WINDOW};
use crate::domain::ApiKeyId;

/// What a bucket counts. An account has one of each, and one for each of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    /// Requests of any kind.
    Requests,
    /// Requests with one key.
    Key(ApiKeyId),
    /// Panels.
    Panels,
    /// Requests without a valid credential.
    Refused,
}

impl Counted {
    /// The name in headers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Key(_) => "key",
            Self::Panels => "panels",
            Self::Refused => "refused",
        }
    }

    /// The name in sentences.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Key(_) => "requests with this key",
            Self::Panels => "panels",
            Self::Refused => "requests without a valid credential from this address",
        }
    }
}

/// The name of the bucket in Redis.
impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{id}"),
            other => f.write_str(other.name()),
        }
    }
}

/// How many of something are admitted a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) counted: Counted,
    pub(super) limit: u32,
}

impl Policy {
    pub(super) fn new(counted: Counted, limit: u32) -> Self {
        Self { counted, limit }
    }

    /// One replica's part of it. Each has at least one: somebody who is admitted at all is not shut out by an outage.
    pub(super) fn share(self, replicas: u32) -> Self {
        Self {
            limit: (self.limit / replicas.max(1)).max(1),
            ..self
        }
    }

    pub(super) fn standing(self, bucket: Bucket) -> Standing {
        Standing {
            name: self.counted.name(),
            words: self.counted.words(),
            unit: "requests",
            limit: self.limit.into(),
            window: WINDOW,
            remaining: bucket.remaining(self.limit).into(),
            whole_in: bucket.full_in(self.limit),
            next_in: bucket.admits_in(self.limit),
        }
    }
}

/// How far somebody is from a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which limit.
    pub name: &'static str,
    /// The same for people.
    pub words: &'static str,
    /// What it counts, for programs.
    pub unit: &'static str,
    /// How many are admitted in the window.
    pub limit: u64,
    /// The time that the limit is for.
    pub window: Duration,
    /// How many would be admitted at once.
    pub remaining: u64,
    /// When the whole limit is there again.
    pub whole_in: Duration,
    /// When the next is admitted: at once, where some remain.
    pub next_in: Duration,
}
