//! Secrets that nobody has used yet: the randomness that a plan may not have.

use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use secrecy::{SecretString, zeroize::Zeroizing};
use sha2::{Digest as _, Sha256};

/// PKCS#8, version 1, of an Ed25519 key up to its 32 bytes (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// Enough that no two master keys of one database share their id.
const MASTER_ID_DIGITS: usize = 12;

/// One of each kind, for Secrets that are yet to be made.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// The built-in database's password.
    pub postgres: SecretString,
    /// The built-in cache's password.
    pub redis: SecretString,
    /// What signs access tokens.
    pub jwt: FreshKey,
    /// What encrypts the provider keys in the database, as `id:base64`.
    pub master_key: SecretString,
}

/// A key that signs access tokens.
#[derive(Clone, Debug)]
pub struct FreshKey {
    /// Its name: the thumbprint of its public half (RFC 7638).
    pub kid: String,
    /// Its private half, as PKCS#8 in PEM.
    pub pem: SecretString,
}

impl Fresh {
    /// Out of the system's generator.
    pub fn generate() -> Self {
        // 192 bits. Hexadecimal, so that neither URL nor shell nor SQL needs to quote them.
        let password = || SecretString::from(hex::encode(rand::random::<[u8; 24]>()));
        let key = || Zeroizing::new(rand::random::<[u8; 32]>());
        Self {
            postgres: password(),
            redis: password(),
            jwt: FreshKey::of(&key()),
            master_key: master_key(&key()),
        }
    }

    /// For whoever shows a plan: nothing in it is a secret, and it is the same each time.
    pub fn redacted() -> Self {
        let redacted = || SecretString::from("redacted");
        Self {
            postgres: redacted(),
            redis: redacted(),
            jwt: FreshKey {
                kid: "redacted".to_owned(),
                pem: redacted(),
            },
            master_key: redacted(),
        }
    }
}

impl FreshKey {
    /// The Ed25519 key of these 32 bytes, as the service itself would write it.
    pub fn of(seed: &[u8; 32]) -> Self {
        let der = Zeroizing::new([PKCS8_HEAD.as_slice(), seed].concat());
        // 48 bytes are 64 characters: one line.
        let line = Zeroizing::new(BASE64_STANDARD.encode(&*der));
        Self {
            kid: thumbprint(&SigningKey::from_bytes(seed).verifying_key().to_bytes()),
            pem: SecretString::from(format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                *line
            )),
        }
    }
}

/// RFC 7638, with the members that RFC 8037 gives to Ed25519.
fn thumbprint(public: &[u8; 32]) -> String {
    let x = BASE64_URL_SAFE_NO_PAD.encode(public);
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

/// A master key under an id of its own: a new key can never pass for the one that it replaces.
pub fn master_key(key: &[u8; 32]) -> SecretString {
    let mut id = hex::encode(Sha256::digest(key));
    id.truncate(MASTER_ID_DIGITS);
    let key = Zeroizing::new(BASE64_STANDARD.encode(key));
    SecretString::from(format!("{id}:{}", *key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn the_thumbprint_is_the_rfcs() {
        // RFC 8037, appendix A.3
        let x = BASE64_URL_SAFE_NO_PAD
            .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
            .unwrap();
        assert_eq!(
            thumbprint(&x.try_into().unwrap()),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn no_two_are_alike_and_none_is_shown() {
        let (one, other) = (Fresh::generate(), Fresh::generate());
        assert_ne!(one.jwt.kid, other.jwt.kid);
        assert_ne!(one.master_key.expose_secret(), other.master_key.expose_secret());
        assert_ne!(one.postgres.expose_secret(), one.redis.expose_secret());
        let shown = format!("{one:?}");
        for secret in [&one.postgres, &one.redis, &one.jwt.pem, &one.master_key] {
            assert!(!shown.contains(secret.expose_secret()), "{shown}");
        }
    }
}
