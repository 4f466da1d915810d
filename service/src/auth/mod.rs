//! Who asks, and what they may. `authenticator` turns a credential into a `principal`; `accounts` is what people do
//! with their accounts, `api_keys` what programs get in with. Access tokens are JSON Web Tokens, signed and checked by the keys of a ring that is reloaded while the
//! service runs; nothing in a token chooses how it is checked.

mod accounts;
mod algorithm;
mod api_keys;
mod authenticator;
mod crypto;
mod json;
mod jwks;
mod key_ring;
mod opaque_token;
mod passwords;
mod principal;
mod revocations;
mod test_key;
mod test_users;
mod throttle;
mod tokens;

pub use accounts::{Accounts, Error as AccountError, TokenPair, create_account};
pub use algorithm::Algorithm;
pub use api_keys::{ApiKeys, NewKey, NewKeyError};
pub use authenticator::{Authenticator, Unauthenticated};
pub use jwks::{Jwk, Jwks};
pub use key_ring::{KeyFault, KeyRing, KeyRingError, KeyStatus, LiveKeyRing, PublicKey, Rules};
pub use opaque_token::{Kind as OpaqueTokenKind, OpaqueToken};
pub use passwords::{Error as PasswordError, Passwords};
pub use principal::{Access, Denied, Principal};
pub use revocations::Revocations;
pub use test_key::{TEST_ISSUER, TEST_KEY_ID, mint_test_token};
pub use throttle::{Throttle, Throttled};
pub use tokens::{IssuedToken, TokenError, TokenRules, Tokens, Verified, looks_like_jwt};
