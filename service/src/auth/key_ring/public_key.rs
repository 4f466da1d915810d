use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::DecodingKey;
use sha2::{Digest as _, Sha256};

use crate::auth::{Algorithm, Jwk, jwks::JwkParameters};

/// A public key, as numbers of big-endian bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// Ed25519.
    Ed25519 {
        /// The point, compressed.
        x: [u8; 32],
    },
    /// RSA.
    Rsa {
        /// The modulus, without leading zeros.
        n: Vec<u8>,
        /// The exponent, without leading zeros.
        e: Vec<u8>,
    },
    /// P-256.
    P256 {
        /// The point's x.
        x: [u8; 32],
        /// The point's y.
        y: [u8; 32],
    },
}

impl PublicKey {
    /// The one algorithm that a key of this type is used with.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519 { .. } => Algorithm::EdDsa,
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256 { .. } => Algorithm::Es256,
        }
    }

    /// The key's own name (RFC 7638): the hash of its members, in the order and the spelling that the RFC says.
    pub fn thumbprint(&self) -> String {
        let members = match self.parameters() {
            JwkParameters::Okp { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
            JwkParameters::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            JwkParameters::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
        };
        BASE64.encode(Sha256::digest(members))
    }

    /// The key as it is published.
    pub fn jwk(&self, kid: &str) -> Jwk {
        Jwk {
            kid: kid.to_owned(),
            usage: "sig",
            alg: self.algorithm(),
            parameters: self.parameters(),
        }
    }

    pub(super) fn decoding_key(&self) -> DecodingKey {
        match self {
            Self::Ed25519 { x } => DecodingKey::from_ed_der(x),
            Self::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            Self::P256 { x, y } => DecodingKey::from_ec_der(&[&[4], x.as_slice(), y].concat()),
        }
    }

    fn parameters(&self) -> JwkParameters {
        match self {
            Self::Ed25519 { x } => JwkParameters::Okp {
                crv: "Ed25519",
                x: BASE64.encode(x),
            },
            Self::Rsa { n, e } => JwkParameters::Rsa {
                n: BASE64.encode(n),
                e: BASE64.encode(e),
            },
            Self::P256 { x, y } => JwkParameters::Ec {
                crv: "P-256",
                x: BASE64.encode(x),
                y: BASE64.encode(y),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Vec<u8> {
        BASE64.decode(text).unwrap()
    }

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        // RFC 8037, appendix A.3
        let x = number("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let key = PublicKey::Ed25519 {
            x: x.try_into().unwrap(),
        };
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");

        // RFC 7638, section 3.1
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF\
                 V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9\
                 c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1\
                 jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKey::Rsa {
            n: number(n),
            e: number("AQAB"),
        };
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
