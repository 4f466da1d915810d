use std::{io::Write as _, time::Duration};

use secrecy::ExposeSecret as _;

use super::*;

fn parse(vars: &[(&str, &str)]) -> Result<Config, Errors> {
    Config::from_env(
        vars.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

fn only_error(vars: &[(&str, &str)]) -> Error {
    let errors = parse(vars).unwrap_err();
    assert_eq!(errors.iter().count(), 1, "{errors}");
    errors.iter().next().unwrap().clone()
}

#[test]
fn nothing_set_is_the_development_profile_on_loopback() {
    let config = parse(&[]).unwrap();
    assert_eq!(config.profile, Profile::Development);
    assert_eq!(config.mode, Mode::Mock);
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert!(
        matches!(&config.database.target, DatabaseTarget::Sqlite(path) if path.ends_with("data/ultra.db"))
    );
    assert_eq!(config.database.migrate, Migrate::Auto);
    assert!(config.cache.redis_url.is_none());
    assert_eq!(config.panel.models.len(), 3);
    assert!(!config.panel.models.contains(&config.panel.synthesizer));
}

#[test]
fn every_default_in_the_table_is_a_value_that_parses() {
    let defaults: Vec<_> = VARIABLES
        .iter()
        .filter_map(|variable| match variable.default {
            Default::Value(value) => Some((variable.name, value)),
            _ => None,
        })
        .collect();
    parse(&defaults).unwrap();
}

#[test]
fn every_example_in_the_table_is_a_value_that_parses() {
    for variable in VARIABLES
        .iter()
        .filter(|variable| variable.name != "ULTRA_CONFIG_FILE")
    {
        parse(&[(variable.name, variable.example)]).unwrap();
    }
}

#[test]
fn all_errors_are_reported_at_once_and_secrets_are_redacted() {
    let errors = parse(&[
        ("DATABASE_URL", "mysql://root:hunter2@db/ultra"),
        ("REDIS_URL", "hunter2"),
        ("ULTRA_LISTEN", "localhost"),
        ("ULTRA_CACHE_TTL", "1 day"),
        ("ULTRA_DATABASE_MAX_CONNECTIONS", "0"),
        ("ULTRA_LOG_FORMAT", "xml"),
        ("ULTRA_PROFLE", "production"),
        ("ULTRA_DATABASE_MIGRATE", ""),
    ])
    .unwrap_err();
    insta::assert_snapshot!(errors.to_string());
    assert!(!errors.to_string().contains("hunter2"));
}

#[test]
fn an_unknown_variable_is_an_error_that_suggests_the_nearest_name() {
    let error = only_error(&[("ULTRA_CACHE_TLL", "1h")]);
    assert_eq!(error.kind, Kind::Unknown);
    assert!(
        error.problem.ends_with("did you mean ULTRA_CACHE_TTL?"),
        "{error}"
    );
}

#[test]
fn variables_of_the_test_environment_and_of_others_are_left_alone() {
    parse(&[
        ("ULTRA_TESTENV", "/s"),
        ("ULTRA_TESTENV_BIN", "x"),
        ("ULTRA_TEST_KUBECONFIG", "x"),
        ("HOME", "/"),
    ])
    .unwrap();
}

#[test]
fn profiles_modes_and_rules_that_need_authentication_are_refused_for_now() {
    for (name, value) in [
        ("ULTRA_PROFILE", "production"),
        ("ULTRA_PROFILE", "testing"),
        ("ULTRA_MODE", "real"),
        ("ULTRA_AUTH_ANONYMOUS", "false"),
    ] {
        let error = only_error(&[(name, value)]);
        assert_eq!(
            (error.name.as_str(), error.kind),
            (name, Kind::Unsupported),
            "{error}"
        );
        assert!(error.problem.starts_with("is refused: "), "{error}");
    }
}

#[test]
fn a_secret_can_come_from_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "redis://:s3cret@cache:6379/1").unwrap();
    let path = file.path().to_str().unwrap();
    let config = parse(&[("REDIS_URL_FILE", path)]).unwrap();
    assert_eq!(
        config.cache.redis_url.unwrap().expose_secret(),
        "redis://:s3cret@cache:6379/1"
    );

    let both = only_error(&[("REDIS_URL_FILE", path), ("REDIS_URL", "redis://cache")]);
    assert!(both.problem.contains("only one"), "{both}");
    let missing = only_error(&[("REDIS_URL_FILE", "/does/not/exist")]);
    assert_eq!(missing.name, "REDIS_URL_FILE");
}

#[test]
fn the_panel_comes_from_the_configuration_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(
        file,
        "panel: {{models: [mock/analyst, mock/analyst], synthesizer: mock/skeptic, deadline: 15s}}"
    )
    .unwrap();
    let config = parse(&[("ULTRA_CONFIG_FILE", file.path().to_str().unwrap())]).unwrap();
    assert_eq!(config.panel.models.len(), 2);
    assert_eq!(config.panel.synthesizer.as_str(), "mock/skeptic");
    assert_eq!(config.panel.deadline, Duration::from_secs(15));
}

#[test]
fn a_panel_that_contradicts_itself_is_refused() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(
        file,
        "panel: {{models: [mock/analyst, mock/nobody], minModels: 3, maxOutputTokens: 1}}"
    )
    .unwrap();
    let errors = parse(&[("ULTRA_CONFIG_FILE", file.path().to_str().unwrap())])
        .unwrap_err()
        .to_string();
    for part in [
        "minModels is 3",
        "maxOutputTokens is out of range",
        "unknown model mock/nobody",
    ] {
        assert!(errors.contains(part), "{errors}");
    }
}

#[test]
fn a_request_timeout_below_the_panels_deadline_is_refused() {
    let error = only_error(&[("ULTRA_HTTP_REQUEST_TIMEOUT", "30s")]);
    assert!(error.problem.contains("deadline, which is 1m30s"), "{error}");
}
