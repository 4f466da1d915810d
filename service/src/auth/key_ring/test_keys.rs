//! Keys for tests. Some are files, because only OpenSSL makes them; production refuses those.

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};

use super::Rules;

/// As in production.
pub(crate) const STRICT: Rules = Rules {
    allow_hmac: false,
    refuse_known: true,
};

/// As in development.
pub(crate) const LENIENT: Rules = Rules {
    allow_hmac: true,
    refuse_known: false,
};

pub(crate) const RSA_2048: &str = include_str!("testdata/rsa-2048.pem");
pub(crate) const SECRET: &[u8] = b"a secret of 32 bytes or somewhat more";

fn pem(label: &str, der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = body
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// A private key that depends on a number and nothing else.
pub(crate) fn ed25519(number: u8) -> String {
    let head = [
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    pem("PRIVATE KEY", &[head.as_slice(), &[number; 32]].concat())
}

/// The seed of that key.
pub(crate) fn ed25519_seed(number: u8) -> [u8; 32] {
    [number; 32]
}

/// The public half of that key.
pub(crate) fn ed25519_public(number: u8) -> String {
    let key = ed25519_dalek::SigningKey::from_bytes(&[number; 32]);
    ed25519_point(key.verifying_key().as_bytes())
}

/// These bytes as an Ed25519 public key.
pub(crate) fn ed25519_point(point: &[u8; 32]) -> String {
    let head = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
    pem("PUBLIC KEY", &[head.as_slice(), point].concat())
}

/// A fresh P-256 key.
pub(crate) fn p256() -> String {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    pem("PRIVATE KEY", der.as_ref())
}

/// These bytes as a P-256 public key.
pub(crate) fn p256_point(point: &[u8]) -> String {
    let head = [
        0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        3, 1, 7, 3, 0x42, 0,
    ];
    pem("PUBLIC KEY", &[head.as_slice(), point].concat())
}

/// Writes files into a folder.
pub(crate) fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        fs::write(dir.join(name), content).unwrap();
    }
}

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    dir
}
