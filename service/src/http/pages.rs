//! Lists that may be long, page by page. A page begins behind the last entry of the one before, so that what comes or
//! goes meanwhile moves nothing.

use serde::{Deserialize, Deserializer, de::Error as _};
use utoipa::IntoParams;

use crate::store::Page;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// A part of a list that may be long.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The `next` of the page before.
    after: Option<uuid::Uuid>,
    /// How many at most: 1 to 200, 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "within_bounds")]
    limit: Option<u32>,
}

impl PageQuery {
    pub(super) fn page<T: From<uuid::Uuid>>(&self) -> Page<T> {
        Page {
            after: self.after.map(T::from),
            limit: self.limit.unwrap_or(DEFAULT_LIMIT),
        }
    }
}

fn within_bounds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let limit = u32::deserialize(deserializer)?;
    if (1..=MAX_LIMIT).contains(&limit) {
        Ok(Some(limit))
    } else {
        Err(D::Error::custom(format_args!("limit is from 1 to {MAX_LIMIT}")))
    }
}

/// The cursor of the page that follows one of these items; none where they are fewer than were asked for.
pub(super) fn next<T>(items: &[T], limit: u32, id: impl Fn(&T) -> uuid::Uuid) -> Option<uuid::Uuid> {
    let full = u32::try_from(items.len()).is_ok_and(|count| count == limit);
    items.last().filter(|_| full).map(id)
}
