//! What the store keeps, as plain structs of domain types.

mod analysis_owner;
mod api_key;
mod audit_entry;
mod daily_usage;
mod idempotency;
mod invite;
mod page;
mod provider_key;
mod revocation;
mod session;
mod token_hash;
mod usage_record;
mod user;

pub(super) use analysis_owner::owner;
pub use api_key::ApiKeyRecord;
pub use audit_entry::{Actor, AuditEntry, InvalidActor};
pub use daily_usage::DailyUsage;
pub use idempotency::{Digest, KeptAnswer, Once, OnceClaim};
pub use invite::Invite;
pub use page::Page;
pub use provider_key::{Sealed, SealedProviderKey, WrappedKey};
pub use revocation::Revocation;
pub use session::{Rotation, Session};
pub use token_hash::TokenHash;
pub use usage_record::UsageRecord;
pub use user::{ChangeUser, CreateUser, User, UserChange};
