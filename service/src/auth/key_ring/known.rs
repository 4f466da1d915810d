//! Keys and secrets that everybody can read.

use super::PublicKey;
use crate::{auth::test_key, domain};

/// Thumbprints of key pairs whose private halves stand in documents, or in this repository.
const PUBLISHED: &[&str] = &[
    // RFC 8032, section 7.1, and RFC 8037, appendix A
    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    // RFC 7515, appendix A.3
    "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
    // RFC 7517, appendix A.2
    "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
    // RFC 7515, appendix A.2
    "IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8",
    // RFC 7517, appendix A.2, and RFC 7638
    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    // jwt.io, ES256
    "19J8y7Zprt2-QKLjF2I5pVk0OELX6cY2AfaAv1LC_w8",
    // jwt.io, RS256
    "oGDmHqCJ7yzMkWEkrlZVHkvrHIyQwtlDmeq5ForUHeY",
    // this repository's tests
    "VX8owvOw2BuMEY-XI6P8wWg0isT1ib2hTDkmJr4a1PU",
    // this repository's tests
    "Oc0Eer4zGAw7PA9HfnBMhWuml0CxVZz2UdxkWDpnqeM",
    // this repository's tests
    "T0eKie3mreEwrymklScHXHm3Gc31QgoSkWQ387hHxmY",
];

/// Secrets of 32 bytes and more that stand in documentation; shorter ones are refused for their length.
const SECRETS: &[&str] = &[
    "a-string-secret-at-least-256-bits-long",
    "your-256-bit-secret-your-256-bit-secret",
];

/// Whether it is the key of test tokens.
pub(super) fn is_test_key(public: &PublicKey) -> bool {
    test_key::key()
        .jwk()
        .is_some_and(|jwk| public.jwk(test_key::TEST_KEY_ID) == jwk)
}

/// Whether the private half is one that everybody can read.
pub(super) fn is_published_key(public: &PublicKey) -> bool {
    let thumbprint = public.thumbprint();
    PUBLISHED.contains(&thumbprint.as_str())
}

/// Whether everybody would try this secret: a known one, or something short again and again.
pub(super) fn is_known_secret(secret: &[u8]) -> bool {
    let text = secret.trim_ascii();
    let known =
        str::from_utf8(text).is_ok_and(|text| SECRETS.contains(&text) || domain::is_known_secret(text));
    known || repeats(text)
}

/// Whether the text is a shorter one again and again.
fn repeats(text: &[u8]) -> bool {
    (1..=text.len() / 2).any(|period| text.iter().zip(text.iter().skip(period)).all(|(a, b)| a == b))
}
