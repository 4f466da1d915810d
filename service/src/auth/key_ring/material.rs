//! What a key file holds.

use ed25519_dalek::{
    SigningKey, VerifyingKey,
    pkcs8::{
        ObjectIdentifier, PrivateKeyInfoRef,
        spki::{
            AlgorithmIdentifierRef, SubjectPublicKeyInfoRef,
            der::{self, Decode as _, Reader as _, SliceReader, asn1::UintRef},
        },
    },
};
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::{
    agreement,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use secrecy::{ExposeSecret as _, SecretSlice};

use super::{KeyFault, PublicKey, known};
use crate::auth::Algorithm;

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A shared secret must be as long as the hash is (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// A key as it is used: what signs, what verifies, and what may be published.
pub(in crate::auth) enum Material {
    /// A public key, with its private one or without.
    Pair {
        public: PublicKey,
        verifying: DecodingKey,
        signing: Option<EncodingKey>,
    },
    /// A secret that signs and verifies.
    Shared {
        verifying: DecodingKey,
        signing: EncodingKey,
    },
}

impl Material {
    /// An Ed25519 key from its seed.
    pub(super) fn ed25519(seed: &[u8; 32]) -> Self {
        let x = SigningKey::from_bytes(seed).verifying_key().to_bytes();
        Self::pair(PublicKey::Ed25519 { x }, Some(EncodingKey::from_ed_der(seed)))
    }

    /// A shared secret, byte for byte.
    pub(super) fn from_secret(secret: &[u8], allowed: bool) -> Result<Self, KeyFault> {
        if !allowed {
            return Err(KeyFault::HmacNotAllowed);
        }
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyFault::HmacTooShort);
        }
        Ok(Self::Shared {
            verifying: DecodingKey::from_secret(secret),
            signing: EncodingKey::from_secret(secret),
        })
    }

    /// A private key (PKCS#8) or a public one (SPKI), alone in its file.
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, KeyFault> {
        let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem);
        let (kind, der) = match sections.next() {
            Some(Ok((kind, der))) => (kind, SecretSlice::from(der)),
            Some(Err(_)) => return Err(KeyFault::NoPem),
            None if holds(pem, b"BEGIN ENCRYPTED PRIVATE KEY") => return Err(KeyFault::Encrypted),
            None => return Err(KeyFault::NoPem),
        };
        if sections.next().is_some() {
            return Err(KeyFault::SeveralSections);
        }
        match kind {
            SectionKind::PrivateKey => private_key(der.expose_secret()),
            SectionKind::PublicKey => public_key(der.expose_secret()),
            SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => Err(KeyFault::OldForm),
            _ => Err(KeyFault::NoKey),
        }
    }

    /// Refuses what opens doors to everybody: the test key always, and where it is asked for what stands in
    /// documents.
    pub(super) fn checked(self, content: &[u8], refuse_known: bool) -> Result<Self, KeyFault> {
        let known = match &self {
            Self::Pair { public, .. } => {
                known::is_test_key(public) || refuse_known && known::is_published_key(public)
            }
            Self::Shared { .. } => refuse_known && known::is_known_secret(content),
        };
        if known { Err(KeyFault::Known) } else { Ok(self) }
    }

    fn pair(public: PublicKey, signing: Option<EncodingKey>) -> Self {
        Self::Pair {
            verifying: public.decoding_key(),
            public,
            signing,
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Pair { public, .. } => public.algorithm(),
            Self::Shared { .. } => Algorithm::Hs256,
        }
    }

    pub(super) fn signing(&self) -> Option<&EncodingKey> {
        match self {
            Self::Pair { signing, .. } => signing.as_ref(),
            Self::Shared { signing, .. } => Some(signing),
        }
    }

    pub(super) fn verifying(&self) -> &DecodingKey {
        match self {
            Self::Pair { verifying, .. } | Self::Shared { verifying, .. } => verifying,
        }
    }

    /// A shared secret has no public half.
    pub(super) fn public(&self) -> Option<&PublicKey> {
        match self {
            Self::Pair { public, .. } => Some(public),
            Self::Shared { .. } => None,
        }
    }
}

fn private_key(der: &[u8]) -> Result<Material, KeyFault> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyFault::Damaged)?;
    match Kind::of(&info.algorithm)? {
        Kind::Ed25519 => {
            let key = SigningKey::try_from(info).map_err(|_| KeyFault::Damaged)?;
            Ok(Material::ed25519(key.as_bytes()))
        }
        Kind::P256 => {
            let rng = SystemRandom::new();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &rng)
                .map_err(|_| KeyFault::Damaged)?;
            let public = p256(pair.public_key().as_ref())?;
            Ok(Material::pair(public, Some(EncodingKey::from_ec_der(der))))
        }
        Kind::Rsa => {
            let pair =
                RsaKeyPair::from_pkcs8(der).map_err(|rejected| match rejected.to_string().as_str() {
                    "TooSmall" | "TooLarge" => KeyFault::RsaSize,
                    _ => KeyFault::Damaged,
                })?;
            let RsaPublicKeyComponents { n, e } = pair.public().into();
            Ok(Material::pair(rsa(n, e)?, Some(EncodingKey::from_rsa_der(der))))
        }
    }
}

fn public_key(der: &[u8]) -> Result<Material, KeyFault> {
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyFault::Damaged)?;
    let bits = info.subject_public_key.as_bytes().ok_or(KeyFault::Damaged)?;
    let public = match Kind::of(&info.algorithm)? {
        Kind::Ed25519 => {
            let key = VerifyingKey::try_from(bits).map_err(|_| KeyFault::Damaged)?;
            if key.is_weak() {
                return Err(KeyFault::Weak);
            }
            PublicKey::Ed25519 { x: key.to_bytes() }
        }
        Kind::P256 => p256(bits)?,
        Kind::Rsa => {
            let (n, e) = rsa_components(bits).map_err(|_| KeyFault::Damaged)?;
            rsa(n, e)?
        }
    };
    Ok(Material::pair(public, None))
}

enum Kind {
    Ed25519,
    P256,
    Rsa,
}

impl Kind {
    fn of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Self, KeyFault> {
        match algorithm.oid {
            ED25519 if algorithm.parameters.is_none() => Ok(Self::Ed25519),
            RSA => Ok(Self::Rsa),
            EC if algorithm.parameters_oid() == Ok(P256) => Ok(Self::P256),
            _ => Err(KeyFault::Unsupported),
        }
    }
}

/// A point, which must lie on the curve: agreeing on a key with it says so.
fn p256(point: &[u8]) -> Result<PublicKey, KeyFault> {
    let probe = agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &SystemRandom::new())
        .map_err(|_| KeyFault::Damaged)?;
    let peer = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, point);
    agreement::agree_ephemeral(probe, &peer, |_| ()).map_err(|_| KeyFault::Damaged)?;
    let (x, y) = point
        .strip_prefix(&[4])
        .and_then(|point| point.split_at_checked(32))
        .ok_or(KeyFault::Damaged)?;
    Ok(PublicKey::P256 {
        x: x.try_into().map_err(|_| KeyFault::Damaged)?,
        y: y.try_into().map_err(|_| KeyFault::Damaged)?,
    })
}

/// `RSAPublicKey` of RFC 8017, appendix A.1.1.
fn rsa_components(bits: &[u8]) -> Result<(Vec<u8>, Vec<u8>), der::Error> {
    let mut reader = SliceReader::new(bits)?;
    let components = reader.sequence(|reader| {
        let n = UintRef::decode(reader)?;
        let e = UintRef::decode(reader)?;
        Ok::<_, der::Error>((n.as_bytes().to_vec(), e.as_bytes().to_vec()))
    })?;
    reader.finish()?;
    Ok(components)
}

/// Bounds of size are ring's for private keys; a small exponent has broken too many implementations.
fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<PublicKey, KeyFault> {
    let leading = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = n.len() * 8 - leading;
    if !(2048..=4096).contains(&bits) {
        return Err(KeyFault::RsaSize);
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let large_enough = e.len() == 3 && e.as_slice() >= [1, 0, 1].as_slice() || (4..=5).contains(&e.len());
    if odd(&n) && odd(&e) && large_enough {
        Ok(PublicKey::Rsa { n, e })
    } else {
        Err(KeyFault::Weak)
    }
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
