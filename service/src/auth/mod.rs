//! Who asks. Access tokens are JSON Web Tokens, signed and checked by the keys of a ring that is reloaded while the
//! service runs; nothing in a token chooses how it is checked.

mod algorithm;
mod crypto;
mod json;
mod jwks;
mod key_ring;
mod test_key;
mod tokens;

pub use algorithm::Algorithm;
pub use jwks::{Jwk, Jwks};
pub use key_ring::{KeyFault, KeyRing, KeyRingError, LiveKeyRing, PublicKey, Rules};
pub use test_key::{TEST_ISSUER, TEST_KEY_ID, mint_test_token};
pub use tokens::{IssuedToken, TokenError, TokenRules, Tokens, Verified, looks_like_jwt};
