//! The words of the product. Each type parses once and cannot hold a bad value afterwards; nothing here does I/O.

mod account;
mod conversation;
mod duration;
mod email;
mod id;
mod known_secret;
mod model_id;
mod money;
mod network;
mod operation;
mod outcome;
mod password;
mod prompt;
mod role;
mod scope;
mod tier_name;
mod usage;

pub use account::{Account, InvalidAccount};
pub use conversation::{Conversation, InvalidConversation, Speaker, Turn};
pub use duration::{format_duration, parse_duration};
pub use email::{Email, InvalidEmail};
pub use id::{AnalysisId, ApiKeyId, SessionId, UserId};
pub use known_secret::is_known_secret;
pub use model_id::ModelId;
pub use money::{InvalidMoney, Money};
pub use network::ClientNetwork;
pub use operation::Operation;
pub use outcome::Outcome;
pub use password::{InvalidPassword, Password};
pub use prompt::{InvalidPrompt, Prompt};
pub use role::{InvalidRole, Role};
pub use scope::{InvalidScope, Scope, Scopes};
pub use tier_name::{InvalidTierName, TierName};
pub use usage::Usage;
