//! What admins manage.

pub(super) mod audit;
pub(super) mod cache;
pub(super) mod provider_keys;
pub(super) mod usage;
pub(super) mod users;
