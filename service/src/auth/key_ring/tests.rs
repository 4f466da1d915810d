use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use proptest::prelude::*;
use time::{OffsetDateTime, macros::datetime};

use super::{
    test_keys::{
        LENIENT, RSA_2048, STRICT, ed25519, ed25519_point, ed25519_public, folder, p256, p256_point, write,
    },
    *,
};
use crate::auth::{Algorithm, Jwk, jwks::JwkParameters};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};

const NOON: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);
const HOUR: time::Duration = time::Duration::HOUR;

/// What is wrong with a ring of these files, in the words that a person reads.
fn complaint(files: &[(&str, &str)], rules: Rules) -> String {
    let dir = folder(files);
    let error = KeyRing::load_at(dir.path(), rules, NOON).expect_err("the ring was accepted");
    error
        .to_string()
        .replace(&dir.path().display().to_string(), "DIR")
}

fn fault_of(file: &str, content: &str, rules: Rules) -> KeyFault {
    let dir = folder(&[(file, content), ("good.pem", &ed25519(1))]);
    match KeyRing::load_at(dir.path(), rules, NOON).expect_err("the key was accepted") {
        KeyRingError::Key { file: named, fault } => {
            assert_eq!(named, dir.path().join(file));
            fault
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_only_key_that_can_sign_signs_and_all_others_verify() {
    let dir = folder(&[("main.pem", &ed25519(1)), ("old.pem", &ed25519_public(2))]);
    let ring = KeyRing::load_at(dir.path(), STRICT, NOON).unwrap();
    assert_eq!(ring.signer(NOON), Some("main"));
    assert!(ring.key("old").is_some_and(|key| key.verifies(NOON)));
    assert!(ring.key("older").is_none());
}

#[test]
fn every_kind_of_key_is_read_and_only_public_halves_are_published() {
    let dir = folder(&[
        ("ed.pem", &ed25519(1)),
        ("ec.pem", &p256()),
        ("rsa.pem", RSA_2048),
        ("hmac.hs256", "a secret of 32 bytes or somewhat more"),
        ("ring.json", r#"{"signer": "ed"}"#),
    ]);
    let ring = KeyRing::load_at(dir.path(), LENIENT, NOON).unwrap();
    let algorithm = |kid: &str| ring.key(kid).unwrap().algorithm();
    assert_eq!(algorithm("ed"), Algorithm::EdDsa);
    assert_eq!(algorithm("ec"), Algorithm::Es256);
    assert_eq!(algorithm("rsa"), Algorithm::Rs256);
    assert_eq!(algorithm("hmac"), Algorithm::Hs256);

    let jwks = ring.jwks(NOON);
    let kids: Vec<_> = jwks.keys.iter().map(|key| key.kid.as_str()).collect();
    assert_eq!(kids, ["ec", "ed", "rsa"]);
    let json = serde_json::to_value(&jwks.keys[1]).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "kid": "ed", "use": "sig", "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519",
            "x": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w",
        })
    );
    let members = |key: &Jwk| {
        let json = serde_json::to_value(key).unwrap();
        json.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        members(&jwks.keys[0]),
        ["alg", "crv", "kid", "kty", "use", "x", "y"]
    );
    assert_eq!(members(&jwks.keys[2]), ["alg", "e", "kid", "kty", "n", "use"]);
    let JwkParameters::Rsa { n, e } = &jwks.keys[2].parameters else {
        panic!("no RSA key");
    };
    assert_eq!((n.len(), e.as_str()), (342, "AQAB"));
}

#[test]
fn a_key_that_cannot_be_used_is_refused_by_its_own_name() {
    for (content, fault) in [
        ("", KeyFault::NoPem),
        ("not a key", KeyFault::NoPem),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAw", KeyFault::NoPem),
        (
            "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
            KeyFault::NoPem,
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n",
            KeyFault::Damaged,
        ),
        (
            "-----BEGIN PUBLIC KEY-----\nMC4CAQAw\n-----END PUBLIC KEY-----\n",
            KeyFault::Damaged,
        ),
        (&(ed25519(2) + &ed25519_public(2)), KeyFault::SeveralSections),
        (include_str!("testdata/rsa-encrypted.pem"), KeyFault::Encrypted),
        (include_str!("testdata/rsa-pkcs1.pem"), KeyFault::OldForm),
        (include_str!("testdata/certificate.pem"), KeyFault::NoKey),
        (include_str!("testdata/p-384.pem"), KeyFault::Unsupported),
        (include_str!("testdata/rsa-1024.pem"), KeyFault::RsaSize),
        (include_str!("testdata/rsa-1024-public.pem"), KeyFault::RsaSize),
        (include_str!("testdata/rsa-e3-public.pem"), KeyFault::Weak),
        // The neutral element: any message has a signature that fits it.
        (
            &ed25519_point(&[[1].as_slice(), &[0; 31]].concat().try_into().unwrap()),
            KeyFault::Weak,
        ),
        // Not on the curve.
        (
            &p256_point(&[[4].as_slice(), &[7; 64]].concat()),
            KeyFault::Damaged,
        ),
    ] {
        assert_eq!(fault_of("bad.pem", content, LENIENT), fault, "{content}");
    }
}

#[test]
fn a_shared_secret_is_for_development_and_long() {
    assert_eq!(
        fault_of("a.hs256", "a secret of 32 bytes or somewhat more", STRICT),
        KeyFault::HmacNotAllowed
    );
    assert_eq!(
        fault_of("a.hs256", "31 bytes are not enough for it!", LENIENT),
        KeyFault::HmacTooShort
    );
}

#[test]
fn the_test_key_is_no_key_of_any_ring() {
    let seed = b"ultra: everybody knows this key!";
    let public = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key();
    for rules in [STRICT, LENIENT] {
        assert_eq!(
            fault_of("a.pem", &ed25519_point(public.as_bytes()), rules),
            KeyFault::Known
        );
        let reserved = complaint(&[("ultra-test.pem", &ed25519(1))], rules);
        assert!(
            reserved.contains("ultra-test.pem: this name belongs to the test key"),
            "{reserved}"
        );
    }
}

#[test]
fn production_refuses_what_stands_in_documents() {
    let published = include_str!("testdata/published-keys.txt");
    let mut count = 0;
    for section in published.split_inclusive("-----END PUBLIC KEY-----\n") {
        assert_eq!(fault_of("a.pem", section, STRICT), KeyFault::Known, "{section}");
        let lenient = folder(&[("a.pem", section), ("good.pem", &ed25519(1))]);
        assert!(
            KeyRing::load_at(lenient.path(), LENIENT, NOON).is_ok(),
            "{section}"
        );
        count += 1;
    }
    assert_eq!(count, 7);
    for pem in [
        RSA_2048,
        include_str!("testdata/p-256.pem"),
        include_str!("testdata/ed25519.pem"),
    ] {
        assert_eq!(fault_of("a.pem", pem, STRICT), KeyFault::Known);
    }

    let rules = Rules {
        allow_hmac: true,
        refuse_known: true,
    };
    for secret in [
        "a-string-secret-at-least-256-bits-long",
        "00000000000000000000000000000000",
        "secretsecretsecretsecretsecretsecret",
        "                                 ",
        &"\0".repeat(32),
    ] {
        assert_eq!(fault_of("a.hs256", secret, rules), KeyFault::Known, "{secret:?}");
    }
    assert!(!known::is_known_secret(b"a secret of 32 bytes or somewhat more"));
}

#[test]
fn every_complaint_about_a_ring_says_what_to_do_and_shows_no_key() {
    let ed = ed25519(1);
    let other = ed25519(2);
    let public = ed25519_public(3);
    let complaints = [
        complaint(&[], STRICT),
        complaint(&[("a.pem", &public)], STRICT),
        complaint(&[("a.pem", &ed), ("b.pem", &other)], STRICT),
        complaint(&[("a.pem", &ed), ("notes.txt", "a")], STRICT),
        complaint(&[("a b.pem", &ed)], STRICT),
        complaint(
            &[
                ("a.pem", &ed),
                ("a.hs256", "a secret of 32 bytes or somewhat more"),
            ],
            LENIENT,
        ),
        complaint(&[("a.pem", &ed), ("ring.json", "{")], STRICT),
        complaint(&[("a.pem", &ed), ("ring.json", &ed)], STRICT),
        complaint(
            &[
                ("a.pem", &ed),
                ("ring.json", &serde_json::json!({"signer": ed}).to_string()),
            ],
            STRICT,
        ),
        complaint(
            &[("a.pem", &ed), ("ring.json", r#"{"signer": "a", "signer": "a"}"#)],
            STRICT,
        ),
        complaint(&[("a.pem", &ed), ("ring.json", r#"{"signer": "b"}"#)], STRICT),
        complaint(&[("a.pem", &ed), ("ring.json", r#"{"keys": {"b": {}}}"#)], STRICT),
        complaint(
            &[
                ("a.pem", &ed),
                (
                    "ring.json",
                    r#"{"keys": {"a": {"expiresAt": "2027-01-01T00:00:00Z"}}}"#,
                ),
            ],
            STRICT,
        ),
        complaint(
            &[
                ("a.pem", &ed),
                ("ring.json", r#"{"keys": {"a": {"expireAt": "tomorrow"}}}"#),
            ],
            STRICT,
        ),
        complaint(
            &[
                ("a.pem", &ed),
                (
                    "ring.json",
                    r#"{"keys": {"a": {"activateAt": "2027-01-01T00:00:00Z", "expireAt": "2027-01-01T00:00:00Z"}}}"#,
                ),
            ],
            STRICT,
        ),
        complaint(
            &[
                ("a.pem", &ed),
                ("b.pem", &public),
                ("ring.json", r#"{"signer": "b"}"#),
            ],
            STRICT,
        ),
        complaint(
            &[
                ("a.pem", &ed),
                (
                    "ring.json",
                    r#"{"keys": {"a": {"expireAt": "2026-06-01T12:00:00Z"}}}"#,
                ),
            ],
            STRICT,
        ),
        complaint(
            &[
                ("a.pem", &ed),
                (
                    "ring.json",
                    r#"{"keys": {"a": {"activateAt": "2026-06-01T12:00:01Z"}}}"#,
                ),
            ],
            STRICT,
        ),
        complaint(&[("a.pem", &"x".repeat(64 * 1024 + 1))], STRICT),
        complaint(&[("a.pem", "x")], STRICT),
    ];
    let text = complaints.join("\n");
    for key in [&ed, &other, &public] {
        for line in key.lines().filter(|line| !line.starts_with('-')) {
            assert!(!text.contains(line), "a complaint shows a key:\n{text}");
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn too_many_files_are_not_read() {
    let dir = folder(&[]);
    for number in 0..=100 {
        write(dir.path(), &[(&format!("{number}.pem"), "")]);
    }
    assert!(matches!(
        KeyRing::load(dir.path(), STRICT),
        Err(KeyRingError::TooMany { .. })
    ));
}

#[test]
fn a_directory_that_is_not_there_is_an_error_that_names_it() {
    let dir = folder(&[]);
    let missing = dir.path().join("missing");
    let error = KeyRing::load(&missing, STRICT).unwrap_err().to_string();
    assert!(error.contains(&missing.display().to_string()), "{error}");
}

#[test]
fn a_pipe_with_the_name_of_a_key_does_not_block() {
    let dir = folder(&[("a.pem", &ed25519(1))]);
    let made = Command::new("mkfifo").arg(dir.path().join("b.pem")).status();
    assert!(made.unwrap().success());
    assert!(matches!(
        KeyRing::load(dir.path(), STRICT),
        Err(KeyRingError::FileName { .. })
    ));
}

#[test]
fn hidden_files_and_folders_are_none_of_the_rings() {
    let dir = folder(&[("a.pem", &ed25519(1)), (".a.pem.swp", "x")]);
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    assert!(KeyRing::load(dir.path(), STRICT).is_ok());
}

#[test]
fn the_signer_changes_at_the_moment_that_was_said() {
    let dir = folder(&[
        ("old.pem", &ed25519(1)),
        ("middle.pem", &ed25519(2)),
        ("new.pem", &ed25519(3)),
        (
            "ring.json",
            r#"{"signer": "new", "keys": {
                "old": {"expireAt": "2026-06-01T14:00:00Z"},
                "middle": {"activateAt": "2026-06-01T11:00:00Z", "expireAt": "2026-06-01T16:00:00Z"},
                "new": {"activateAt": "2026-06-01T13:00:00Z", "expireAt": "2026-06-01T15:00:00Z"}
            }}"#,
        ),
    ]);
    let ring = KeyRing::load_at(dir.path(), STRICT, NOON).unwrap();
    let second = time::Duration::SECOND;
    for (now, signer) in [
        (NOON - HOUR - second, Some("old")),
        (NOON - HOUR, Some("middle")),
        (NOON + HOUR - second, Some("middle")),
        (NOON + HOUR, Some("new")),
        (NOON + 3 * HOUR - second, Some("new")),
        (NOON + 3 * HOUR, Some("middle")),
        (NOON + 4 * HOUR, None),
    ] {
        assert_eq!(ring.signer(now), signer, "{now}");
    }

    let published = |now| ring.jwks(now).keys.len();
    assert_eq!(published(NOON - 2 * HOUR), 3, "a key verifies before it signs");
    assert_eq!(published(NOON + 2 * HOUR - second), 3);
    assert_eq!(published(NOON + 2 * HOUR), 2);
    assert_eq!(published(NOON + 4 * HOUR), 0);
}

#[test]
fn a_fresh_ring_is_private_complete_and_accepted_in_production() {
    let parent = folder(&[]);
    let dir = parent.path().join("data/jwt");
    assert!(!KeyRing::is_there(&dir));
    let kid = KeyRing::generate(&dir).unwrap();
    assert!(KeyRing::is_there(&dir));

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join(format!("{kid}.pem"))), 0o600);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "a draft was left behind");

    let now = OffsetDateTime::now_utc();
    let ring = KeyRing::load(&dir, STRICT).unwrap();
    assert_eq!(ring.signer(now), Some(kid.as_str()));
    assert_eq!(ring.keys[&kid].algorithm(), Algorithm::EdDsa);
    let Some(Jwk {
        parameters: JwkParameters::Okp { x, .. },
        ..
    }) = ring.jwks(now).keys.pop()
    else {
        panic!("no Ed25519 key");
    };
    let x = BASE64_URL_SAFE_NO_PAD.decode(x).unwrap().try_into().unwrap();
    assert_eq!(PublicKey::Ed25519 { x }.thumbprint(), kid);

    assert!(matches!(
        KeyRing::generate(&dir),
        Err(KeyRingError::NotEmpty { .. })
    ));
    assert_ne!(KeyRing::generate(&parent.path().join("other")).unwrap(), kid);
}

#[test]
fn a_ring_does_not_show_its_keys() {
    let dir = folder(&[
        ("a.pem", &ed25519(1)),
        ("b.hs256", "a secret of 32 bytes or somewhat more"),
        ("ring.json", r#"{"signer":"a"}"#),
    ]);
    let ring = KeyRing::load_at(dir.path(), LENIENT, NOON).unwrap();
    assert_eq!(
        format!("{ring:?}"),
        r#"KeyRing { keys: ["a", "b"], signer: "a", .. }"#
    );
}

proptest! {
    #[test]
    fn noise_is_no_key_ring_and_no_panic(
        pem in proptest::collection::vec(any::<u8>(), 0..200),
        ring in "\\PC{0,80}",
        secret in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let dir = folder(&[("ring.json", &ring)]);
        fs::write(dir.path().join("a.pem"), &pem).unwrap();
        fs::write(dir.path().join("b.hs256"), &secret).unwrap();
        prop_assert!(KeyRing::load(dir.path(), LENIENT).is_err());
    }

    #[test]
    fn a_damaged_key_file_never_panics(position in 0_usize..1704, byte in any::<u8>(), rsa in any::<bool>()) {
        let mut content = if rsa { RSA_2048.to_owned() } else { ed25519(1) }.into_bytes();
        let position = position % content.len();
        content[position] = byte;
        let dir = folder(&[]);
        fs::write(dir.path().join("a.pem"), &content).unwrap();
        let _ = KeyRing::load(dir.path(), LENIENT);
    }

    #[test]
    fn damaged_der_never_panics(position in 0_usize..48, byte in any::<u8>(), length in 0_usize..60) {
        for (label, pem) in [("PRIVATE KEY", ed25519(1)), ("PUBLIC KEY", ed25519_public(1)), ("PRIVATE KEY", include_str!("testdata/p-256.pem").to_owned())] {
            let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            let mut der = BASE64_STANDARD.decode(body).unwrap();
            let position = position % der.len();
            der[position] = byte;
            der.truncate(length.max(1));
            let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(&der));
            let dir = folder(&[("a.pem", &pem)]);
            let _ = KeyRing::load(dir.path(), LENIENT);
        }
    }

    #[test]
    fn a_file_is_a_key_of_its_stem_or_none(name in "[ -~]{1,20}") {
        prop_assume!(name != "." && name != ".." && !name.contains('/'));
        let dir = folder(&[("good.pem", &ed25519(1)), (&name, &ed25519_public(2))]);
        let shaped = name.strip_suffix(".pem").is_some_and(key::is_kid);
        let loaded = KeyRing::load(dir.path(), STRICT);
        if name == "good.pem" {
            prop_assert!(loaded.is_err());
        } else {
            prop_assert_eq!(loaded.is_ok(), shaped || name.starts_with('.'), "{}", name);
        }
    }
}
