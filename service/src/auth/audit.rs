//! Entries of the audit log: who changed what, when.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{Actor, AuditEntry};

/// An entry without details. It names ids only, so that it may outlive the account that it is about.
pub(crate) fn entry(
    at: OffsetDateTime,
    actor: Actor,
    action: &'static str,
    subject: impl std::fmt::Display,
) -> AuditEntry {
    AuditEntry {
        id: Uuid::now_v7(),
        at,
        actor,
        action: action.to_owned(),
        subject: subject.to_string(),
        detail: Value::Object(Map::new()),
    }
}

impl AuditEntry {
    /// With one more detail. No secret and nothing personal belongs here.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(detail) = &mut self.detail {
            detail.insert(name.to_owned(), value.into());
        }
        self
    }
}
