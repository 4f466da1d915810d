use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The id of one analysis: a UUID of version 7, so that ids sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Uuid, example = "01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a42")]
pub struct AnalysisId(Uuid);

impl AnalysisId {
    /// A new id, later than every id made before it.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The plain UUID, as the stores keep it.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for AnalysisId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for AnalysisId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

impl fmt::Display for AnalysisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
