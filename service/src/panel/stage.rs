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

/// Which stages run. The first always does: there is nothing to review or to join without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stages {
    /// Whether the members review each other's answers.
    pub review: bool,
    /// Whether one model writes the final answer; else the members' most agreed one is it.
    pub synthesis: bool,
}

impl Stages {
    /// All of them.
    pub const ALL: Self = Self {
        review: true,
        synthesis: true,
    };

    /// Whether this one runs.
    pub fn has(self, stage: Stage) -> bool {
        match stage {
            Stage::InitialResponse => true,
            Stage::PeerReviewAndRevision => self.review,
            Stage::UltraSynthesis => self.synthesis,
        }
    }

    /// The part of a panel's time by whose end a stage is over. Each stage leaves time for those after it, so that one
    /// late member costs itself and not the verdict.
    pub(super) fn share(self, stage: Stage) -> f64 {
        match (stage, self.review, self.synthesis) {
            (Stage::InitialResponse, true, true) => 0.4,
            (Stage::InitialResponse, true, false) => 0.5,
            (Stage::InitialResponse, false, true) => 0.6,
            (Stage::PeerReviewAndRevision, _, true) => 0.75,
            _ => 1.0,
        }
    }
}
