//! The words of the product. Each type parses once and cannot hold a bad value afterwards; nothing here does I/O.

mod account;
mod duration;
mod email;
mod id;
mod known_secret;
mod model_id;
mod money;
mod network;
mod password;
mod prompt;
mod role;
mod scope;
mod usage;

pub use account::{Account, InvalidAccount};
pub use duration::{format_duration, parse_duration};
pub use email::{Email, InvalidEmail};
pub use id::{AnalysisId, ApiKeyId, SessionId, UserId};
pub use known_secret::is_known_secret;
pub use model_id::ModelId;
pub use money::{InvalidMoney, Money};
pub use network::ClientNetwork;
pub use password::{InvalidPassword, Password};
pub use prompt::Prompt;
pub use role::{InvalidRole, Role};
pub use scope::{InvalidScope, Scope, Scopes};
pub use usage::Usage;
