//! For every variable: what is said when it is missing, empty, malformed, out of range, and in contradiction.

use std::fmt::Write as _;

use super::*;
use crate::domain::format_duration;

/// Values that no reader takes, and values that contradict others. What is missing, empty or out of range follows from
/// the table of variables.
struct Mistakes {
    name: &'static str,
    malformed: &'static [&'static str],
    contradictory: &'static [&'static [(&'static str, &'static str)]],
}

const fn of(name: &'static str, malformed: &'static [&'static str]) -> Mistakes {
    contradicts(name, malformed, &[])
}

const fn contradicts(
    name: &'static str,
    malformed: &'static [&'static str],
    contradictory: &'static [&'static [(&'static str, &'static str)]],
) -> Mistakes {
    Mistakes {
        name,
        malformed,
        contradictory,
    }
}

/// A file that holds a certificate, from the crate's folder.
const CERTIFICATE: &str = "src/auth/key_ring/testdata/certificate.pem";

const ALL: &[Mistakes] = &[
    of("ULTRA_PROFILE", &["Production", "staging"]),
    contradicts("ULTRA_MODE", &["live"], &[&[("ULTRA_MODE", "real")]]),
    of("ULTRA_CONFIG_FILE", &["/does/not/exist.yaml"]),
    of("ULTRA_DATA_DIR", &[]),
    of(
        "ULTRA_LISTEN",
        &["localhost", "127.0.0.1", "::1:8080", "1.2.3.4:99999"],
    ),
    contradicts(
        "ULTRA_HTTP_REQUEST_TIMEOUT",
        &["120", "2 m"],
        &[&[("ULTRA_HTTP_REQUEST_TIMEOUT", "30s")]],
    ),
    of("ULTRA_HTTP_DRAIN_TIMEOUT", &["soon"]),
    of("ULTRA_HTTP_MAX_BODY_BYTES", &["1MB", "-1", "1e6"]),
    of("ULTRA_HTTP_MAX_CONNECTIONS", &["many"]),
    of(
        "ULTRA_HTTP_TRUSTED_PROXIES",
        &["proxy.example.com", "10.0.0.0/33", "10.0.0.1,,"],
    ),
    contradicts(
        "ULTRA_HTTP_CORS_ORIGINS",
        &[
            "app.example.com",
            "https://app.example.com/",
            "https://App.example.com:443",
            "ftp://app.example.com",
            "null",
            "*,https://app.example.com",
            "https://user:canary@app.example.com",
        ],
        &[&[
            ("ULTRA_HTTP_CORS_ORIGINS", "*"),
            ("ULTRA_HTTP_CORS_CREDENTIALS", "true"),
        ]],
    ),
    contradicts(
        "ULTRA_HTTP_CORS_CREDENTIALS",
        &["yes"],
        &[&[("ULTRA_HTTP_CORS_CREDENTIALS", "true")]],
    ),
    contradicts(
        "DATABASE_URL",
        &[
            "canary",
            "mysql://u:canary@h/d",
            "postgres://",
            "postgres://u:canary@h/d?sslmode=on",
            "postgres://u:canary@h/d?ssl_mode=require",
            "postgres://u:canary@h/d?sslrootcert=/canary.pem",
            "postgres://u:canary@h:canary/d",
        ],
        &[&[
            ("DATABASE_URL", "postgres://h/d"),
            ("DATABASE_URL_FILE", "/run/secrets/url"),
        ]],
    ),
    of("ULTRA_DATABASE_MIGRATE", &["always"]),
    of("ULTRA_DATABASE_MAX_CONNECTIONS", &["ten"]),
    contradicts(
        "ULTRA_DATABASE_MIN_CONNECTIONS",
        &["-1"],
        &[&[
            ("ULTRA_DATABASE_MIN_CONNECTIONS", "3"),
            ("ULTRA_DATABASE_MAX_CONNECTIONS", "2"),
        ]],
    ),
    of("ULTRA_DATABASE_IDLE_TIMEOUT", &["10"]),
    of("ULTRA_DATABASE_MAX_LIFETIME", &["forever"]),
    of("ULTRA_DATABASE_ACQUIRE_TIMEOUT", &["5"]),
    of("ULTRA_DATABASE_STATEMENT_TIMEOUT", &["5"]),
    of("ULTRA_LEDGER_SPOOL_SIZE", &["256MiB"]),
    of("ULTRA_LEDGER_RETENTION", &["13 months", "400d"]),
    contradicts(
        "REDIS_URL",
        &[
            "canary",
            "http://:canary@h",
            "redis://",
            "redis://:canary@h/zero",
            "rediss://h/0#canary",
        ],
        &[&[("REDIS_URL", "redis://h"), ("REDIS_URL_FILE", "/run/secrets/url")]],
    ),
    of("ULTRA_CACHE_CONNECT_TIMEOUT", &["1"]),
    of("ULTRA_CACHE_RESPONSE_TIMEOUT", &["fast"]),
    of("ULTRA_CACHE_TTL", &["1d"]),
    of("ULTRA_CACHE_MAX_BYTES", &["8MB"]),
    contradicts(
        "ULTRA_CACHE_CA_FILE",
        &["/does/not/exist.pem", "/dev/null"],
        &[
            &[("ULTRA_CACHE_CA_FILE", CERTIFICATE)],
            &[("ULTRA_CACHE_CA_FILE", CERTIFICATE), ("REDIS_URL", "redis://h")],
        ],
    ),
    of("ULTRA_LIMITS_REPLICAS", &["three", "1.5"]),
    of("ULTRA_LIMITS_REFUSED_PER_ADDRESS", &["60/min"]),
    of("ULTRA_AUTH_ANONYMOUS", &["yes", "TRUE", "0"]),
    of("ULTRA_AUTH_REGISTRATION", &["public"]),
    of("ULTRA_AUTH_ISSUER", &["my service", "ü"]),
    of("ULTRA_AUTH_AUDIENCE", &["my service"]),
    of("ULTRA_AUTH_ACCESS_TOKEN_TTL", &["900"]),
    contradicts(
        "ULTRA_AUTH_REFRESH_TOKEN_TTL",
        &["30d"],
        &[&[("ULTRA_AUTH_REFRESH_TOKEN_TTL", "15m")]],
    ),
    of("ULTRA_JWT_KEYS_DIR", &[]),
    contradicts(
        "ULTRA_AUTH_ADMIN_EMAIL",
        &["admin"],
        &[&[("ULTRA_AUTH_ADMIN_EMAIL", "admin@example.com")]],
    ),
    contradicts(
        "ULTRA_AUTH_ADMIN_PASSWORD",
        &["short", "password1234"],
        &[&[("ULTRA_AUTH_ADMIN_PASSWORD", "a long canary sentence")]],
    ),
    of("ULTRA_AUTH_PASSWORD_MEMORY", &["19MiB"]),
    of("ULTRA_AUTH_PASSWORD_ITERATIONS", &["two"]),
    of("ULTRA_AUTH_TRIES_PER_ACCOUNT", &["ten"]),
    of("ULTRA_AUTH_TRIES_PER_ADDRESS", &["-1"]),
    contradicts(
        "ULTRA_MASTER_KEY",
        &[
            "canary",
            ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "a b:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "k1:canary!",
            "k1:AAECAwQF",
            "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,",
        ],
        &[
            &[(
                "ULTRA_MASTER_KEY",
                "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,k1:ABECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            )],
            &[(
                "ULTRA_MASTER_KEY",
                "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,k2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            )],
        ],
    ),
    of("OPENAI_API_KEY", &["sk canary", "sk-canary\nx"]),
    of(
        "OPENAI_BASE_URL",
        &[
            "api.openai.com",
            "ftp://h",
            "https://user:canary@h/v1",
            "https://h/v1?key=canary",
        ],
    ),
    of("ANTHROPIC_API_KEY", &["sk canary"]),
    of("ANTHROPIC_BASE_URL", &["api.anthropic.com"]),
    of("GEMINI_API_KEY", &["AIza canary"]),
    of("GEMINI_BASE_URL", &["https://"]),
    of("ULTRA_LOG_FORMAT", &["xml"]),
    of("RUST_LOG", &["ultra=loud", "=,="]),
];

/// Values just outside of the range, where there is one.
fn out_of_range(shape: Shape) -> Vec<String> {
    const STEP: std::time::Duration = std::time::Duration::from_nanos(1);
    match shape {
        Shape::Number(least, most) => {
            let below = least.checked_sub(1).map(|below| below.to_string());
            below.into_iter().chain([(most + 1).to_string()]).collect()
        }
        Shape::Duration(least, most) => {
            let below = least.checked_sub(STEP).map(format_duration);
            below.into_iter().chain([format_duration(most + STEP)]).collect()
        }
        _ => Vec::new(),
    }
}

fn told(vars: &[(&str, &str)]) -> String {
    match parse(vars) {
        Ok(_) => "    accepted\n".to_owned(),
        Err(errors) => errors.iter().fold(String::new(), |mut text, error| {
            let _ = writeln!(text, "    {error}");
            text
        }),
    }
}

#[test]
fn every_variable_has_its_mistakes() {
    let listed: Vec<&str> = ALL.iter().map(|mistakes| mistakes.name).collect();
    let known: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_mistake_is_explained() {
    let mut text = String::new();
    for (variable, mistakes) in VARIABLES.iter().zip(ALL) {
        let name = variable.name;
        let _ = writeln!(text, "{name}");
        let without: Vec<_> = production()
            .into_iter()
            .filter(|(given, _)| *given != name)
            .collect();
        if variable.name != "ULTRA_PROFILE" && without.len() < production().len() {
            let _ = write!(text, "  missing in production\n{}", told(&without));
        }
        let _ = write!(text, "  empty\n{}", told(&[(name, " ")]));
        if !mistakes.malformed.is_empty() {
            text.push_str("  malformed\n");
        }
        for value in mistakes.malformed {
            text.push_str(&refused(&[(name, value)]));
        }
        let outside = out_of_range(variable.shape);
        if !outside.is_empty() {
            text.push_str("  out of range\n");
        }
        for value in outside {
            text.push_str(&refused(&[(name, &value)]));
        }
        if !mistakes.contradictory.is_empty() {
            text.push_str("  contradictory\n");
        }
        for vars in mistakes.contradictory {
            text.push_str(&refused(vars));
        }
    }
    assert!(!text.contains("canary"), "{text}");
    insta::assert_snapshot!(text);
}

fn refused(vars: &[(&str, &str)]) -> String {
    assert!(parse(vars).is_err(), "{vars:?} was accepted");
    told(vars)
}
