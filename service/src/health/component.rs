use serde_json::Value;

use super::ComponentReport;

/// Something that the health report tells about. Whatever has a state of its own is registered as one.
///
/// Answers come from memory: they neither wait nor look, so that a report costs the same whatever hangs.
pub trait Component: Send + Sync {
    /// Its name in the report.
    fn name(&self) -> &'static str;

    /// How it is.
    fn report(&self) -> ComponentReport;

    /// What only admins see of it.
    fn detail(&self) -> Option<Value> {
        None
    }
}
