use std::{io::Write as _, sync::LazyLock, time::Duration};

use tempfile::NamedTempFile;

use super::*;
use crate::auth::KeyRing;

mod canary;
mod layers;
mod mistakes;
mod noise;
mod production;
mod ring;

fn owned(vars: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    vars.iter().map(owned).collect()
}

fn parse(vars: &[(&str, &str)]) -> Result<Config, Errors> {
    Config::from_env(owned(vars))
}

/// A ring of one key, made once and kept beside the compiled tests.
static RING: LazyLock<String> = LazyLock::new(|| {
    let tests = std::env::current_exe().unwrap();
    let ring = tests.with_file_name("ring-of-the-config-tests");
    if !KeyRing::is_there(&ring) {
        let made = tempfile::tempdir_in(tests.parent().unwrap()).unwrap();
        KeyRing::generate(made.path()).unwrap();
        // Where another process was faster, its ring is as good.
        let _ = std::fs::rename(made.path(), &ring);
    }
    ring.display().to_string()
});

/// The least that production starts with.
fn production() -> Vec<(&'static str, &'static str)> {
    vec![
        ("ULTRA_PROFILE", "production"),
        ("ULTRA_MODE", "mock"),
        (
            "DATABASE_URL",
            "postgres://ultra:kq7w-zz31-pp0d@db.example.com/ultra?sslmode=verify-full",
        ),
        ("ULTRA_JWT_KEYS_DIR", &RING),
    ]
}

fn file_with(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn only_error(vars: &[(&str, &str)]) -> Error {
    let errors = parse(vars).unwrap_err();
    assert_eq!(errors.iter().count(), 1, "{errors}");
    errors.iter().next().unwrap().clone()
}

/// Where each mistake is, and what it is.
fn told(errors: &Errors) -> Vec<String> {
    let told = |error: &Error| {
        let place = error.place.as_deref().unwrap_or_default();
        format!("{place}: {}", error.problem)
    };
    errors.iter().map(told).collect()
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

/// Variables that name a file which has to be there.
const FILES: [&str; 2] = ["ULTRA_CONFIG_FILE", "ULTRA_CACHE_CA_FILE"];

#[test]
fn every_example_in_the_table_is_a_value_that_parses() {
    for variable in VARIABLES
        .iter()
        .filter(|variable| !FILES.contains(&variable.name))
    {
        let mut vars = vec![(variable.name, variable.example)];
        let other = match variable.name {
            "ULTRA_AUTH_ADMIN_EMAIL" => Some(&auth::ADMIN_PASSWORD),
            "ULTRA_AUTH_ADMIN_PASSWORD" => Some(&auth::ADMIN_EMAIL),
            _ => None,
        };
        vars.extend(other.map(|other| (other.name, other.example)));
        parse(&vars).unwrap();
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
fn real_models_need_a_provider_and_a_panel_of_its_models() {
    let real = [("ULTRA_MODE", "real"), ("ULTRA_LISTEN", "127.0.0.1:0")];
    let error = only_error(&real);
    assert_eq!((error.name.as_str(), error.kind), ("ULTRA_MODE", Kind::Invalid));
    let key = ("OPENAI_API_KEY", "sk-kq7w");
    let errors = parse(&[real[0], real[1], key]).unwrap_err().to_string();
    assert!(
        errors.contains("stand-in") && errors.contains("(openai)"),
        "{errors}"
    );
    for (models, problem) in [
        (
            "[openai/gpt-x, mistral/large]",
            Some("names mistral/large, but the providers are local, openai"),
        ),
        (
            "[openai/gpt-x, local/other]",
            Some("names local/other, but local offers only small"),
        ),
        ("[openai/gpt-x, local/small]", None),
    ] {
        let file = file_with(&format!(
            "providers: [{{name: local, kind: openai, baseUrl: 'http://127.0.0.1:1/v1', models: [small]}}, \
             {{name: openai, kind: openai}}]\npanel: {{models: {models}, synthesizer: openai/gpt-x}}\n"
        ));
        let file = ("ULTRA_CONFIG_FILE", file.path().to_str().unwrap());
        let parsed = parse(&[real[0], real[1], key, file]);
        let told = parsed.err().map(|errors| errors.to_string());
        assert_eq!(told.is_none(), problem.is_none(), "{told:?}");
        if let (Some(told), Some(problem)) = (told, problem) {
            assert!(told.contains(problem), "{told}");
        }
    }
}

#[test]
fn strangers_cannot_spend_money_on_real_providers() {
    let file = file_with("panel: {models: [openai/a, openai/b], synthesizer: openai/c}");
    let open = [
        ("ULTRA_MODE", "real"),
        ("ULTRA_LISTEN", "0.0.0.0:0"),
        ("OPENAI_API_KEY", "sk-kq7w"),
        ("ULTRA_CONFIG_FILE", file.path().to_str().unwrap()),
    ];
    assert_eq!(only_error(&open).name, "ULTRA_AUTH_ANONYMOUS");
    let mut closed = open.to_vec();
    closed.push(("ULTRA_AUTH_ANONYMOUS", "false"));
    parse(&closed).unwrap();
}

#[test]
fn a_variable_completes_its_providers_entry_in_the_file() {
    let file = file_with(
        "providers:\n  - {name: openai, kind: openai, baseUrl: 'https://proxy.example.com/v1', timeout: 5s}\n",
    );
    let config = parse(&[
        ("ULTRA_CONFIG_FILE", file.path().to_str().unwrap()),
        ("OPENAI_API_KEY", "sk-kq7w"),
        ("GEMINI_API_KEY", "AIza"),
    ])
    .unwrap();
    let told: Vec<_> = config
        .providers
        .iter()
        .map(|provider| {
            (
                provider.name.as_str(),
                provider.base_url.as_str(),
                provider.api_key.is_some(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("openai", "https://proxy.example.com/v1", true),
            ("google", "https://generativelanguage.googleapis.com/", true),
        ]
    );
    assert_eq!(config.providers[0].bounds.total, Duration::from_secs(5));
}

#[test]
fn tiers_of_the_file_change_and_complete_the_built_in_ones() {
    let file = file_with(
        "tiers:\n  free: {panelsPerMinute: 1, moneyPerDay: '0.50'}\n  \
         gold: {requestsPerMinute: 9, panelsPerMinute: 3}\nprices:\n  \
         mock/analyst: {inputPerMillion: '2.50', outputPerMillion: '10'}\n",
    );
    let config = parse(&[("ULTRA_CONFIG_FILE", file.path().to_str().unwrap())]).unwrap();
    let free = config.tiers["free"];
    assert_eq!((free.requests_per_minute, free.panels_per_minute), (60, 1));
    assert_eq!(free.money_per_day.unwrap().to_string(), "0.50");
    assert_eq!(config.tiers["gold"].requests_per_minute, 9);
    assert_eq!(config.tiers["enterprise"].panels_per_minute, 600);
    let price = config.prices.values().next().unwrap();
    assert_eq!(price.output_per_million.millionths(), 10_000_000);
}

#[test]
fn tiers_and_providers_that_contradict_themselves_are_refused() {
    let file = file_with(
        "providers:\n  - {name: mock, kind: openai}\n  - {name: a, kind: openai, apiKeyVariable: A, apiKeyFile: /x}\n  \
         - {name: a, kind: google, timeout: 1ms}\n\
         tiers:\n  free: {panelsPerMinute: 61, requestsPerMinutePerKey: 62}\n  gold: {requestsPerMinute: 5}\n  basic: {requestsPerMinute: 0}\n",
    );
    let errors = parse(&[("ULTRA_CONFIG_FILE", file.path().to_str().unwrap())]).unwrap_err();
    let told = told(&errors);
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn the_panel_comes_from_the_configuration_file() {
    let file =
        file_with("panel: {models: [mock/analyst, mock/analyst], synthesizer: mock/skeptic, deadline: 15s}");
    let config = parse(&[("ULTRA_CONFIG_FILE", file.path().to_str().unwrap())]).unwrap();
    assert_eq!(config.panel.models.len(), 2);
    assert_eq!(config.panel.synthesizer.as_str(), "mock/skeptic");
    assert_eq!(config.panel.deadline, Duration::from_secs(15));
}

#[test]
fn a_panel_that_contradicts_itself_is_refused() {
    let file = file_with("panel: {models: [mock/analyst, mock/nobody], minModels: 3, maxOutputTokens: 1}");
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

#[test]
fn stand_ins_can_be_told_how_to_behave_and_have_names_of_their_own() {
    let file = file_with(
        "mock:\n  mock/flaky: {fail: breaksOff, failEvery: 2}\n  mock/analyst: {latency: 1s}\n\
         panel: {models: [mock/flaky, mock/analyst], synthesizer: mock/editor}\n",
    );
    let config = parse(&[("ULTRA_CONFIG_FILE", file.path().to_str().unwrap())]).unwrap();
    assert_eq!(config.mock.len(), 2);
    let file = file_with(
        "mock:\n  openai/gpt: {latency: 1s}\n  mock/a: {pace: 31m}\n  mock/b: {fail: unavailable, failEvery: 0}\n  \
         mock/c: {failEvery: 2}\nfallbacks:\n  mock/analyst: [mock/analyst, mock/nobody, mock/c, mock/c]\n",
    );
    let errors = parse(&[("ULTRA_CONFIG_FILE", file.path().to_str().unwrap())]).unwrap_err();
    let told = told(&errors);
    insta::assert_snapshot!(told.join("\n"));
}
