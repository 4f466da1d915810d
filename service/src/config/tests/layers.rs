//! The profile's defaults, `.env`, the environment, and files that hold a secret.

use secrecy::ExposeSecret as _;

use super::*;

fn load(vars: &[(&str, &str)], dotenv: &str) -> Result<Config, Errors> {
    let file = file_with(dotenv);
    Config::load(owned(vars), Some(file.path()))
}

#[test]
fn the_environment_hides_dotenv_and_dotenv_hides_defaults() {
    let dotenv = "# comment\nULTRA_CACHE_TTL=2h\nexport ULTRA_CACHE_MAX_BYTES='70000'\nULTRA_AUTH_REGISTRATION=invite\n";
    let config = load(&[("ULTRA_CACHE_TTL", "3h")], dotenv).unwrap();
    assert_eq!(config.cache.ttl, Duration::from_secs(3 * 3_600));
    assert_eq!(config.cache.max_bytes, 70_000);
    assert_eq!(config.auth.registration, Registration::Invite);
    assert_eq!(config.cache.connect_timeout, Duration::from_secs(1));
}

#[test]
fn the_example_of_a_dotenv_starts_when_everything_in_it_is_uncommented() {
    let example = docs::dotenv();
    let assigns =
        |line: &&str| line.contains('=') && line.split('=').next().is_some_and(|name| !name.contains(' '));
    let lines: Vec<&str> = example
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(assigns)
        .collect();
    assert_eq!(lines.len(), VARIABLES.len());
    let names_file = |line: &&str| FILES.iter().any(|name| line.starts_with(&format!("{name}=")));
    let lines: Vec<&str> = lines.into_iter().filter(|line| !names_file(line)).collect();
    load(&[], &lines.join("\n")).unwrap();
}

#[test]
fn a_missing_dotenv_is_no_mistake() {
    Config::load(owned(&[]), Some(Path::new("/does/not/exist/.env"))).unwrap();
}

#[test]
fn a_secret_of_the_environment_hides_its_file_in_dotenv_and_the_other_way_round() {
    let config = load(&[("REDIS_URL", "redis://a")], "REDIS_URL_FILE=/does/not/exist\n").unwrap();
    assert_eq!(config.cache.redis_url.unwrap().expose_secret(), "redis://a");
    let secret = file_with("redis://b\n");
    let path = secret.path().to_str().unwrap();
    let config = load(&[("REDIS_URL_FILE", path)], "REDIS_URL=redis://a\n").unwrap();
    assert_eq!(config.cache.redis_url.unwrap().expose_secret(), "redis://b");
}

#[test]
fn dotenv_chooses_testing_but_never_production() {
    let config = load(&[], "ULTRA_PROFILE=testing\n").unwrap();
    assert_eq!(config.profile, Profile::Testing);
    assert!(!config.auth.anonymous);

    let errors = load(&[], "ULTRA_PROFILE=production\n").unwrap_err().to_string();
    assert!(
        errors.contains("ULTRA_PROFILE=production, in .env: is refused there"),
        "{errors}"
    );
}

#[test]
fn production_reads_no_dotenv() {
    let config = load(&production(), "ULTRA_AUTH_REGISTRATION=open\nnonsense\n").unwrap();
    assert_eq!(config.auth.registration, Registration::Closed);
}

#[test]
fn mistakes_in_dotenv_say_where_they_are_and_show_no_secret() {
    let errors = load(&[], "ULTRA_CACHE_TTL=1d\nULTRA_CACHE_TLL=1h\n").unwrap_err();
    assert!(
        errors
            .iter()
            .all(|error| error.place.as_deref() == Some("in .env")),
        "{errors}"
    );
    assert_eq!(errors.iter().count(), 2);
    for dotenv in [
        "ULTRA_CACHE_TTL=1h\nREDIS_URL=redis://:canary@ x\n",
        "REDIS_URL='redis://:canary@h\n",
        "canary\n",
        "REDIS_URL=redis://:canary@h\nREDIS_URL=redis://:canary@h\n",
    ] {
        let errors = load(&[], dotenv).unwrap_err().to_string();
        assert!(
            errors.contains("has a line that is no assignment") || errors.contains("twice"),
            "{errors}"
        );
        assert!(!errors.contains("canary"), "{errors}");
    }
}

#[test]
fn a_value_in_dotenv_is_what_stands_there_and_never_anothers() {
    for (written, value) in [
        ("${REDIS_URL}", "${REDIS_URL}"),
        ("$REDIS_URL", "$REDIS_URL"),
        ("\"a${REDIS_URL}b\"", "a${REDIS_URL}b"),
        ("'${REDIS_URL}'", "${REDIS_URL}"),
        ("\\$REDIS_URL", "$REDIS_URL"),
        ("\\\\${REDIS_URL}", "\\${REDIS_URL}"),
        ("\"\\\\\\$REDIS_URL\"", "\\$REDIS_URL"),
        ("'\\\\${REDIS_URL}'", "\\\\${REDIS_URL}"),
        ("${HOME}${PATH}", "${HOME}${PATH}"),
    ] {
        let dotenv = format!("REDIS_URL=redis://:canary@h\nULTRA_AUTH_ISSUER={written}\n");
        let config = load(&[("REDIS_URL", "redis://:canary@h")], &dotenv).unwrap();
        assert_eq!(config.auth.issuer, value, "{written}");
    }
}

#[test]
fn no_file_is_read_without_end() {
    let errors = Config::load(owned(&[]), Some(Path::new("/dev/zero"))).unwrap_err();
    assert!(
        errors.to_string().contains("is larger than 1048576 bytes"),
        "{errors}"
    );
    let error = only_error(&[("ULTRA_CONFIG_FILE", "/dev/zero")]);
    assert!(error.problem.contains("is larger than 1048576 bytes"), "{error}");
}

#[test]
fn a_secret_can_come_from_a_file() {
    let file = file_with("redis://:s3cret@cache:6379/1\n");
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
    let endless = only_error(&[("REDIS_URL_FILE", "/dev/zero")]);
    assert!(endless.problem.contains("larger than"), "{endless}");
}

#[test]
fn keys_in_mounted_files_stay_files_so_that_they_can_be_watched() {
    let master = file_with("k1:mJ3e0aVb9yTzqk5oQ2w7u4x8r1n6c0d3f5h7j9l2p4s=\n");
    let key = file_with("sk-kq7w-zz31-pp0d\n");
    let config = parse(&[
        ("ULTRA_MASTER_KEY_FILE", master.path().to_str().unwrap()),
        ("OPENAI_API_KEY_FILE", key.path().to_str().unwrap()),
        ("ANTHROPIC_API_KEY", "sk-ant"),
    ])
    .unwrap();
    assert!(config.secrets.master_key.is_some());
    assert_eq!(config.secrets.master_key_file.as_deref(), Some(master.path()));
    assert!(matches!(&config.providers[0].api_key, Some(KeySource::File(path)) if path == key.path()));
    assert!(matches!(&config.providers[1].api_key, Some(KeySource::Value(_))));
}

#[test]
fn what_applies_is_shown_with_where_it_comes_from() {
    let dotenv = file_with("ULTRA_CACHE_TTL=2h\n");
    let secret = file_with("postgres://ultra:canary@db/ultra\n");
    let text = "panel:\n  deadline: 45s\nproviders:\n  - {name: vllm, kind: openai, baseUrl: 'http://vllm:8000/v1'}\n\
                tiers:\n  free: {tokensPerDay: 1000}\nprices:\n  mock/analyst: {inputPerMillion: '1', outputPerMillion: '2.50'}\n";
    let file = file_with(text);
    let vars = [
        ("DATABASE_URL_FILE", secret.path().to_str().unwrap()),
        ("REDIS_URL", "redis://:canary@cache"),
        ("OPENAI_API_KEY", "sk-canary"),
        ("ULTRA_CONFIG_FILE", file.path().to_str().unwrap()),
    ];
    let shown = show(owned(&vars), Some(dotenv.path())).unwrap();
    assert!(!shown.contains("canary"), "{shown}");
    let shown = shown
        .replace(secret.path().to_str().unwrap(), "/run/secrets/url")
        .replace(file.path().to_str().unwrap(), "config.yaml");
    // Its width depends on where the machine keeps its temporary files.
    let lines: Vec<String> = shown
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
