use serde::Serialize;
use utoipa::ToSchema;

use super::Algorithm;

/// The public keys that check access tokens (RFC 7517), for whoever wants to check them without asking the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Jwks {
    /// Every key that still verifies, also those that do not sign yet.
    pub keys: Vec<Jwk>,
}

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Jwk {
    /// The key's name, as tokens carry it.
    #[schema(example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    pub kid: String,
    /// What the key is for: signatures.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    pub usage: &'static str,
    /// The one algorithm that it may be used with.
    #[schema(example = "EdDSA")]
    pub alg: Algorithm,
    /// The key itself.
    #[serde(flatten)]
    pub parameters: JwkParameters,
}

/// The members that differ by type of key; numbers and points are base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kty")]
pub enum JwkParameters {
    /// Ed25519 (RFC 8037).
    #[serde(rename = "OKP")]
    Okp {
        /// `Ed25519`.
        crv: &'static str,
        /// The point.
        x: String,
    },
    /// RSA.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
    /// P-256.
    #[serde(rename = "EC")]
    Ec {
        /// `P-256`.
        crv: &'static str,
        /// The point's x.
        x: String,
        /// The point's y.
        y: String,
    },
}
