//! What production refuses, and that it takes what each refusal says.

use std::fmt::Write as _;

use super::*;

/// The variables that change over [`production`], and the one that is refused.
const REFUSALS: &[(&[(&str, &str)], &str)] = &[
    (&[("ULTRA_AUTH_ANONYMOUS", "true")], "ULTRA_AUTH_ANONYMOUS"),
    (&[("ULTRA_MODE", "real")], "ULTRA_MODE"),
    (&[("ULTRA_JWT_KEYS_DIR", "/does/not/exist")], "ULTRA_JWT_KEYS_DIR"),
    (
        &[(
            "DATABASE_URL",
            "postgres://ultra:kq7w-zz31-pp0d@db.example.com/ultra",
        )],
        "DATABASE_URL",
    ),
    (
        &[(
            "DATABASE_URL",
            "postgres://ultra:kq7w-zz31-pp0d@db.example.com/ultra?sslmode=prefer",
        )],
        "DATABASE_URL",
    ),
    (
        &[(
            "DATABASE_URL",
            "postgres://ultra:kq7w-zz31-pp0d@localhost/ultra?host=db.example.com",
        )],
        "DATABASE_URL",
    ),
    (
        &[(
            "DATABASE_URL",
            "postgres://ultra:kq7w-zz31@db.example.com/ultra?sslmode=require",
        )],
        "DATABASE_URL",
    ),
    (
        &[(
            "DATABASE_URL",
            "postgres://ultra:postgrespostgres@db.example.com/ultra?sslmode=require",
        )],
        "DATABASE_URL",
    ),
    (
        &[(
            "DATABASE_URL",
            "postgres://ultra@db.example.com/ultra?sslmode=require",
        )],
        "DATABASE_URL",
    ),
    (
        &[("REDIS_URL", "redis://:kq7w-zz31-pp0d@cache.example.com")],
        "REDIS_URL",
    ),
    (
        &[(
            "REDIS_URL",
            "rediss://:kq7w-zz31-pp0d@cache.example.com/0#insecure",
        )],
        "REDIS_URL",
    ),
    (&[("REDIS_URL", "rediss://:kq7w@cache.example.com")], "REDIS_URL"),
    (
        &[("REDIS_URL", "rediss://:%61%61%61%61@cache.example.com")],
        "REDIS_URL",
    ),
    (&[("REDIS_URL", "rediss://cache.example.com")], "REDIS_URL"),
    (
        &[("DATABASE_URL", "postgres://postgres:postgres@127.0.0.1/ultra")],
        "DATABASE_URL",
    ),
    (
        &[(
            "DATABASE_URL",
            "postgres://ultra:postgrespostgres@localhost/ultra",
        )],
        "DATABASE_URL",
    ),
    (
        &[(
            "DATABASE_URL",
            "postgres://ultra:short@%2Fvar%2Frun%2Fpostgresql/ultra",
        )],
        "DATABASE_URL",
    ),
    (&[("REDIS_URL", "redis://:redis@127.0.0.1:6379")], "REDIS_URL"),
    (
        &[(
            "ULTRA_MASTER_KEY",
            "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        )],
        "ULTRA_MASTER_KEY",
    ),
    (
        &[(
            "ULTRA_MASTER_KEY",
            "k:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        )],
        "ULTRA_MASTER_KEY",
    ),
    (
        &[(
            "ULTRA_MASTER_KEY",
            "k:q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
        )],
        "ULTRA_MASTER_KEY",
    ),
    (
        &[
            ("ULTRA_AUTH_ADMIN_EMAIL", "admin@example.com"),
            ("ULTRA_AUTH_ADMIN_PASSWORD", "a long sentence is a good password"),
        ],
        "ULTRA_AUTH_ADMIN_PASSWORD",
    ),
    (
        &[("ULTRA_AUTH_PASSWORD_MEMORY", "1024")],
        "ULTRA_AUTH_PASSWORD_MEMORY",
    ),
    (
        &[("ULTRA_AUTH_PASSWORD_ITERATIONS", "1")],
        "ULTRA_AUTH_PASSWORD_ITERATIONS",
    ),
    (
        &[("ULTRA_HTTP_TRUSTED_PROXIES", "10.0.0.0/8,::/0")],
        "ULTRA_HTTP_TRUSTED_PROXIES",
    ),
    (
        &[("ULTRA_HTTP_TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1")],
        "ULTRA_HTTP_TRUSTED_PROXIES",
    ),
    (
        &[("ULTRA_HTTP_TRUSTED_PROXIES", "2000::/15")],
        "ULTRA_HTTP_TRUSTED_PROXIES",
    ),
    (
        &[("ULTRA_HTTP_TRUSTED_PROXIES", "::ffff:0.0.0.0/97")],
        "ULTRA_HTTP_TRUSTED_PROXIES",
    ),
    (
        &[
            ("ULTRA_HTTP_CORS_ORIGINS", "*"),
            ("ULTRA_HTTP_CORS_CREDENTIALS", "true"),
        ],
        "ULTRA_HTTP_CORS_ORIGINS",
    ),
    (&[("OPENAI_API_KEY", "changeme")], "OPENAI_API_KEY"),
    (
        &[("OPENAI_API_KEY", "sk-proj-0123abcd4567efgh")],
        "OPENAI_API_KEY",
    ),
    (
        &[
            ("OPENAI_API_KEY", "sk-kq7w-zz31-pp0d"),
            ("OPENAI_BASE_URL", "http://llm.example.com/v1"),
        ],
        "OPENAI_BASE_URL",
    ),
    (&[("ULTRA_TESTENV", "/tmp/host.sock")], "ULTRA_TESTENV"),
];

fn changed(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let kept = production()
        .into_iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    kept.chain(changes.iter().copied()).collect()
}

#[test]
fn production_starts_with_what_it_requires() {
    let config = parse(&production()).unwrap();
    assert_eq!((config.profile, config.mode), (Profile::Production, Mode::Mock));
    assert!(!config.auth.anonymous);
    assert_eq!(config.auth.registration, Registration::Closed);
    assert_eq!(config.database.migrate, Migrate::Check);
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:8080");
}

#[test]
fn testing_starts_with_nothing_else_set_and_closed() {
    let config = parse(&[("ULTRA_PROFILE", "testing")]).unwrap();
    assert_eq!((config.profile, config.mode), (Profile::Testing, Mode::Mock));
    assert!(!config.auth.anonymous);
    assert_eq!(config.auth.registration, Registration::Closed);
    assert!(config.auth.jwt_keys_dir.ends_with("data/jwt"));
}

#[test]
fn each_refusal_of_production_says_what_to_change() {
    let mut text = String::new();
    for (changes, refused) in REFUSALS {
        let errors = parse(&changed(changes)).unwrap_err();
        assert!(
            errors.iter().all(|error| error.name == *refused),
            "{changes:?}: {errors}"
        );
        for error in errors.iter() {
            let _ = writeln!(text, "{error}");
        }
    }
    for (name, kind) in [
        // Its default is real models, which need a provider.
        ("ULTRA_MODE", Kind::Invalid),
        ("DATABASE_URL", Kind::Missing),
        ("ULTRA_JWT_KEYS_DIR", Kind::Missing),
    ] {
        let vars: Vec<_> = production()
            .into_iter()
            .filter(|(given, _)| *given != name)
            .collect();
        let error = only_error(&vars);
        assert_eq!((error.name.as_str(), error.kind), (name, kind));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn production_takes_the_example_of_each_refusal() {
    for (changes, refused) in REFUSALS {
        let errors = parse(&changed(changes)).unwrap_err();
        // A folder of this name is the one example that a machine has to have.
        for example in errors.iter().filter_map(|error| error.example.as_deref()) {
            let (name, value) = example.split_once('=').unwrap();
            assert_eq!(name, *refused);
            if name == "ULTRA_JWT_KEYS_DIR" {
                continue;
            }
            let mut vars = changed(changes);
            vars.retain(|(given, _)| *given != name);
            vars.push((name, value));
            parse(&vars).unwrap_or_else(|errors| panic!("{example}: {errors}"));
        }
    }
}

#[test]
fn other_profiles_leave_to_their_owner_what_production_refuses() {
    for (changes, refused) in REFUSALS {
        let everywhere = ["ULTRA_MODE", "ULTRA_HTTP_CORS_ORIGINS"];
        if !everywhere.contains(refused) {
            parse(changes).unwrap_or_else(|errors| panic!("{changes:?}: {errors}"));
        }
    }
}

#[test]
fn production_trusts_servers_on_this_machine() {
    for changes in [
        [("DATABASE_URL", "postgres://ultra:kq7w-zz31-pp0d@localhost/ultra")],
        [("DATABASE_URL", "postgres://ultra@%2Fvar%2Frun%2Fpostgresql/ultra")],
        [("REDIS_URL", "redis://127.0.0.1:6379")],
        [(
            "ULTRA_HTTP_TRUSTED_PROXIES",
            "10.0.0.0/8,2001::/16,::ffff:10.0.0.0/104,::1",
        )],
        [("OPENAI_BASE_URL", "http://llm.example.com/v1")],
        [("ULTRA_HTTP_CORS_ORIGINS", "*")],
    ] {
        parse(&changed(&changes)).unwrap_or_else(|errors| panic!("{changes:?}: {errors}"));
    }
}

#[test]
fn keys_of_providers_in_the_file_are_held_to_the_same() {
    let key = file_with("changeme");
    let text = format!(
        "providers:\n  - {{name: a, kind: openai, apiKeyFile: {}}}\n  \
         - {{name: b, kind: openai, apiKeyVariable: B_KEY, baseUrl: 'http://b.example.com'}}\n",
        key.path().display()
    );
    let file = file_with(&text);
    let mut vars = production();
    vars.push(("ULTRA_CONFIG_FILE", file.path().to_str().unwrap()));
    vars.push(("B_KEY", "sk-kq7w-zz31-pp0d"));
    let errors = parse(&vars).unwrap_err();
    let places: Vec<_> = errors.iter().map(|error| error.place.clone().unwrap()).collect();
    assert_eq!(places, ["line 2 column 41", "line 3 column 61"], "{errors}");
}
