use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The steps of a panel, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Each member answers by itself, all at once.
    InitialResponse,
    /// Each member sees its own answer and the others', and revises its own.
    PeerReviewAndRevision,
    /// One model writes the final answer.
    UltraSynthesis,
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Self; 3] = [
        Self::InitialResponse,
        Self::PeerReviewAndRevision,
        Self::UltraSynthesis,
    ];
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InitialResponse => "initial_response",
            Self::PeerReviewAndRevision => "peer_review_and_revision",
            Self::UltraSynthesis => "ultra_synthesis",
        })
    }
}
