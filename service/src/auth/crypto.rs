//! The cryptography under `jsonwebtoken`, which brings none that we could take (docs/adr/0007): Ed25519 by
//! ed25519-dalek, the rest by the ring that TLS has linked already. Exactly our four algorithms exist here, so no
//! mistake elsewhere can call for a fifth.

use ed25519_dalek::Signer as _;
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind, new_error},
    signature,
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
    },
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory,
    verifier_factory,
    // The library's own JWKs are not used; ours are in `jwks`.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
        rsa_pub_components_from_public_key: |_| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
        ec_pub_components_from_private_key: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
        ed_pub_components_from_private_key: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
        compute_digest: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    },
};

/// Makes this the process's cryptography for tokens. Again and again is fine.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

/// A private key, read. Ed25519 keys are their 32 bytes of seed, RSA and P-256 keys PKCS#8, HMAC keys the secret.
enum Signer {
    Ed25519(ed25519_dalek::SigningKey),
    P256(EcdsaKeyPair, SystemRandom),
    Rsa(RsaKeyPair, SystemRandom),
    Hmac(hmac::Key),
}

fn signer_factory(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let rng = SystemRandom::new();
    let signer = match (algorithm, key.family()) {
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            let seed = key
                .as_bytes()
                .try_into()
                .map_err(|_| new_error(ErrorKind::InvalidEddsaKey))?;
            Signer::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed))
        }
        (Algorithm::ES256, AlgorithmFamily::Ec) => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_bytes(), &rng);
            Signer::P256(pair.map_err(|_| new_error(ErrorKind::InvalidEcdsaKey))?, rng)
        }
        (Algorithm::RS256, AlgorithmFamily::Rsa) => {
            let pair = RsaKeyPair::from_pkcs8(key.as_bytes());
            Signer::Rsa(pair.map_err(|_| new_error(ErrorKind::InvalidKeyFormat))?, rng)
        }
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Signer::Hmac(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))
        }
        _ => return Err(new_error(ErrorKind::InvalidAlgorithm)),
    };
    Ok(Box::new(signer))
}

impl signature::Signer<Vec<u8>> for Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        match self {
            Self::Ed25519(key) => Ok(key.sign(message).to_bytes().to_vec()),
            Self::P256(pair, rng) => {
                let signature = pair.sign(rng, message).map_err(|_| signature::Error::new())?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Rsa(pair, rng) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, rng, message, &mut signature)
                    .map_err(|_| signature::Error::new())?;
                Ok(signature)
            }
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }
}

impl JwtSigner for Signer {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDSA,
            Self::P256(..) => Algorithm::ES256,
            Self::Rsa(..) => Algorithm::RS256,
            Self::Hmac(_) => Algorithm::HS256,
        }
    }
}

/// What checks a signature: a public key, or the secret of an HMAC.
enum Verifier {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(UnparsedPublicKey<Vec<u8>>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    Hmac(hmac::Key),
}

fn verifier_factory(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let verifier = match (algorithm, key.family(), key.kind()) {
        (Algorithm::EdDSA, AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(x)) => {
            let key = ed25519_dalek::VerifyingKey::try_from(x.as_slice());
            Verifier::Ed25519(key.map_err(|_| new_error(ErrorKind::InvalidEddsaKey))?)
        }
        (Algorithm::ES256, AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => {
            Verifier::P256(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.clone()))
        }
        (Algorithm::RS256, AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            Verifier::Rsa(RsaPublicKeyComponents {
                n: n.clone(),
                e: e.clone(),
            })
        }
        (Algorithm::HS256, AlgorithmFamily::Hmac, DecodingKeyKind::SecretOrDer(secret)) => {
            Verifier::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret))
        }
        _ => return Err(new_error(ErrorKind::InvalidAlgorithm)),
    };
    Ok(Box::new(verifier))
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let fits = match self {
            // Strict: no signature has a second spelling, and no point of small order passes for one.
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .and_then(|signature| key.verify_strict(message, &signature))
                .is_ok(),
            Self::P256(key) => key.verify(message, signature).is_ok(),
            Self::Rsa(key) => key
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
        };
        if fits {
            Ok(())
        } else {
            Err(signature::Error::new())
        }
    }
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDSA,
            Self::P256(_) => Algorithm::ES256,
            Self::Rsa(_) => Algorithm::RS256,
            Self::Hmac(_) => Algorithm::HS256,
        }
    }
}
