//! The key ring is read with the rest, so that `config check` says what the start will say.

use tempfile::TempDir;

use super::*;

const PUBLISHED: &str = include_str!("../../auth/key_ring/testdata/ed25519.pem");
const SECRET: &[u8; 32] = b"a canary that nobody else knows!";

fn ring(files: &[(&str, &[u8])]) -> TempDir {
    let ring = TempDir::new().unwrap();
    for (name, content) in files {
        std::fs::write(ring.path().join(name), content).unwrap();
    }
    ring
}

fn with_ring(profile: &'static str, dir: &Path) -> Result<Config, Errors> {
    let mut vars = match profile {
        "production" => production(),
        other => vec![("ULTRA_PROFILE", other)],
    };
    vars.retain(|(name, _)| *name != "ULTRA_JWT_KEYS_DIR");
    vars.push(("ULTRA_JWT_KEYS_DIR", dir.to_str().unwrap()));
    parse(&vars)
}

#[test]
fn a_ring_that_cannot_be_used_is_an_error_of_its_variable() {
    let two = [("a.pem", PUBLISHED.as_bytes()), ("b.pem", PUBLISHED.as_bytes())];
    let cases: [(&str, TempDir, &str, Kind); 8] = [
        ("production", ring(&[]), "holds no key that signs", Kind::Invalid),
        (
            "production",
            ring(&[("main.pem", PUBLISHED.as_bytes())]),
            "everybody can read",
            Kind::Refused,
        ),
        (
            "production",
            ring(&[("main.hs256", SECRET)]),
            "only the development profile",
            Kind::Refused,
        ),
        (
            "testing",
            ring(&[("main.hs256", SECRET)]),
            "only the development profile",
            Kind::Refused,
        ),
        ("testing", ring(&[("main.pem", SECRET)]), "no PEM", Kind::Invalid),
        (
            "testing",
            ring(&[("README.txt", b"")]),
            "no key is called so",
            Kind::Invalid,
        ),
        ("testing", ring(&two), "can all sign", Kind::Invalid),
        (
            "development",
            ring(&[("ring.json", b"{")]),
            "does not fit",
            Kind::Invalid,
        ),
    ];
    for (profile, ring, words, kind) in cases {
        let errors = with_ring(profile, ring.path()).unwrap_err();
        let told = errors.to_string();
        assert_eq!(errors.iter().count(), 1, "{told}");
        let error = errors.iter().next().unwrap();
        assert_eq!(
            (error.name.as_str(), error.kind),
            ("ULTRA_JWT_KEYS_DIR", kind),
            "{told}"
        );
        assert!(told.contains(words) && !told.contains("canary"), "{told}");
        assert!(
            told.contains("(example: ULTRA_JWT_KEYS_DIR=/etc/ultra/jwt)"),
            "{told}"
        );
    }
}

#[test]
fn a_ring_that_fits_its_profile_is_taken() {
    let published = ring(&[("main.pem", PUBLISHED.as_bytes())]);
    for profile in ["development", "testing"] {
        with_ring(profile, published.path()).unwrap();
    }
    with_ring("development", ring(&[("main.hs256", SECRET)]).path()).unwrap();
    with_ring("production", Path::new(RING.as_str())).unwrap();
}

#[test]
fn where_nothing_is_the_service_makes_a_key_but_not_in_production() {
    let empty = ring(&[(".hidden", b"")]);
    let missing = empty.path().join("missing");
    for profile in ["development", "testing"] {
        for dir in [empty.path(), &missing] {
            with_ring(profile, dir).unwrap();
        }
    }
    for dir in [empty.path(), &missing] {
        with_ring("production", dir).unwrap_err();
    }
    // What is no folder at all can hold no key either.
    for profile in ["development", "testing", "production"] {
        let told = with_ring(profile, Path::new("/dev/null"))
            .unwrap_err()
            .to_string();
        assert!(told.contains("cannot be read as a folder"), "{told}");
    }
}

#[test]
fn the_ring_in_the_data_folder_is_read_too() {
    let data = TempDir::new().unwrap();
    let jwt = data.path().join("jwt");
    std::fs::create_dir(&jwt).unwrap();
    std::fs::write(jwt.join("main.pem"), "no key").unwrap();
    let error = only_error(&[("ULTRA_DATA_DIR", data.path().to_str().unwrap())]);
    assert_eq!(error.name, "ULTRA_JWT_KEYS_DIR");
}

#[test]
fn a_bad_ring_is_told_together_with_all_other_mistakes() {
    let bad = ring(&[("main.pem", b"no key")]);
    let errors = parse(&[
        ("ULTRA_JWT_KEYS_DIR", bad.path().to_str().unwrap()),
        ("ULTRA_CACHE_TTL", "never"),
    ])
    .unwrap_err();
    let names: Vec<_> = errors.iter().map(|error| error.name.as_str()).collect();
    assert_eq!(names, ["ULTRA_CACHE_TTL", "ULTRA_JWT_KEYS_DIR"]);
}

#[test]
fn the_listeners_address_is_known_whatever_has_become_of_the_rest() {
    let bad = ring(&[("main.pem", b"no key")]);
    let vars = [
        ("ULTRA_JWT_KEYS_DIR", bad.path().to_str().unwrap()),
        ("REDIS_URL_FILE", "/does/not/exist"),
        ("ULTRA_LISTEN", "127.0.0.1:7"),
    ];
    let address = Config::listen_address(owned(&vars), None).unwrap();
    assert_eq!(address.to_string(), "127.0.0.1:7");
    Config::listen_address(owned(&[("ULTRA_LISTEN", "here")]), None).unwrap_err();
}
