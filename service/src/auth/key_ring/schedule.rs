use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde::Deserialize;
use time::OffsetDateTime;

use super::{
    Key, KeyRingError,
    files::{Files, Name},
    key::is_kid,
};
use crate::auth::json::{self, Fault};

/// What `ring.json` says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Schedule {
    /// Which key signs.
    pub(super) signer: Option<String>,
    /// When keys may be used; one that is not named may always be.
    #[serde(default)]
    keys: BTreeMap<String, Times>,
}

/// When a key may be used.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Times {
    /// From when on it signs. It verifies before that.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(super) activate_at: Option<OffsetDateTime>,
    /// From when on it does nothing.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(super) expire_at: Option<OffsetDateTime>,
}

impl Schedule {
    pub(super) fn parse(json: &[u8], file: PathBuf) -> Result<Self, KeyRingError> {
        let place = |line, column| KeyRingError::RingFile {
            file: file.clone(),
            line,
            column,
        };
        let schedule: Self = json::object(json).map_err(|fault| match fault {
            Fault::Malformed { line, column } => place(line, column),
            Fault::DuplicateMember => place(1, 1),
        })?;
        if !schedule
            .signer
            .iter()
            .chain(schedule.keys.keys())
            .all(|kid| is_kid(kid))
        {
            return Err(place(1, 1));
        }
        for (kid, times) in &schedule.keys {
            if let (Some(activate), Some(expire)) = (times.activate_at, times.expire_at)
                && expire <= activate
            {
                return Err(KeyRingError::NeverActive {
                    file,
                    kid: kid.clone(),
                });
            }
        }
        Ok(schedule)
    }

    /// The times of a key that is there.
    pub(super) fn take(&mut self, kid: &str) -> Times {
        self.keys.remove(kid).unwrap_or_default()
    }

    /// A name that no file has is a mistake: a key that was meant to expire might be another.
    pub(super) fn refuse_unknown(
        &self,
        keys: &BTreeMap<String, Arc<Key>>,
        files: &Files,
    ) -> Result<(), KeyRingError> {
        let signer = self.signer.iter().filter(|kid| !keys.contains_key(*kid));
        match self.keys.keys().chain(signer).next() {
            None => Ok(()),
            Some(kid) => Err(KeyRingError::UnknownKey {
                file: files.path(&Name::Ring),
                kid: kid.clone(),
            }),
        }
    }
}
