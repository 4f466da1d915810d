//! Ids: UUIDs of version 7, so that ids sort by the time they were made.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Declares an id that cannot be mistaken for another kind of id.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = Uuid, example = "01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a42")]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later than every id made before it.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The plain UUID, as the stores keep it.
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The id of one analysis.
    AnalysisId
}
id! {
    /// The id of a user.
    UserId
}
id! {
    /// The id of a session: one login, and every refresh token that descends from it. Access tokens carry it as `sid`.
    SessionId
}
id! {
    /// The id of an API key. It is no secret.
    ApiKeyId
}
