//! The plan's variables, given to the service's own configuration.

use super::fixtures::{Fixture, examples, fixtures};
use k8s_openapi::api::core::v1::{EnvVar, Secret};
use std::collections::BTreeSet;
use ultra_operator::{
    cli::render::parse,
    crd::OWNED_VARIABLES,
    plan::{Objects, Planned},
};
use ultra_service::config::{Config, VARIABLES};

/// The variables as the kubelet would hand them to the container; its file is read from where the test has put it.
fn environment(fixture: &Fixture, planned: &Objects<Planned>, config_file: &str) -> Vec<(String, String)> {
    let (_, referenced) = parse(fixture.name.as_ref(), &fixture.text).unwrap();
    let secrets: Vec<&Secret> = planned.secrets.iter().chain(&referenced).collect();
    container_env(planned)
        .into_iter()
        .filter(|variable| !is_optional(variable))
        .map(|variable| match variable.name.as_str() {
            "ULTRA_CONFIG_FILE" => (variable.name, config_file.to_owned()),
            _ => (variable.name.clone(), value(&variable, planned, &secrets)),
        })
        .collect()
}

fn container_env(planned: &Objects<Planned>) -> Vec<EnvVar> {
    let pod = planned
        .service
        .spec
        .as_ref()
        .unwrap()
        .template
        .spec
        .as_ref()
        .unwrap();
    pod.containers[0].env.clone().unwrap()
}

/// The kubelet leaves out a variable whose source may be missing, and is.
fn is_optional(variable: &EnvVar) -> bool {
    let source = variable
        .value_from
        .as_ref()
        .and_then(|source| source.config_map_key_ref.as_ref());
    source.is_some_and(|selector| selector.optional == Some(true))
}

fn value(variable: &EnvVar, planned: &Objects<Planned>, secrets: &[&Secret]) -> String {
    if let Some(value) = &variable.value {
        return value.clone();
    }
    let source = variable.value_from.as_ref().expect("a value or a source");
    if let Some(selector) = &source.config_map_key_ref {
        assert_eq!(Some(&selector.name), planned.config_map.metadata.name.as_ref());
        return planned.config_map.data.as_ref().unwrap()[&selector.key].clone();
    }
    let selector = source.secret_key_ref.as_ref().expect("a Secret or a ConfigMap");
    let secret = secrets
        .iter()
        .find(|secret| secret.metadata.name.as_ref() == Some(&selector.name));
    let data = secret
        .expect("the Secret is planned or referenced")
        .data
        .as_ref()
        .unwrap();
    String::from_utf8(data[&selector.key].0.clone()).unwrap()
}

fn plannable() -> Vec<Fixture> {
    let mut all = fixtures();
    all.extend(examples());
    all.retain(|fixture| fixture.validated().is_ok());
    all
}

#[test]
fn the_service_accepts_every_variable_that_a_plan_sets() {
    let file = std::env::temp_dir().join(format!("ultra-operator-contract-{}.yaml", std::process::id()));
    for fixture in plannable() {
        let planned = fixture.planned();
        let panel = planned
            .config_map
            .data
            .as_ref()
            .unwrap()
            .get("config.yaml")
            .cloned();
        std::fs::write(&file, panel.unwrap_or_default()).unwrap();
        let environment = environment(&fixture, &planned, &file.to_string_lossy());
        if let Err(errors) = Config::from_env(environment) {
            panic!("{}: {errors}", fixture.name);
        }
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn what_the_spec_says_of_the_panel_reaches_the_service() {
    let fixture = plannable()
        .into_iter()
        .find(|fixture| fixture.name == "panel")
        .unwrap();
    let planned = fixture.planned();
    let file = std::env::temp_dir().join(format!("ultra-operator-panel-{}.yaml", std::process::id()));
    std::fs::write(&file, &planned.config_map.data.as_ref().unwrap()["config.yaml"]).unwrap();
    let config = Config::from_env(environment(&fixture, &planned, &file.to_string_lossy())).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(config.panel.models.len(), 3);
    assert_eq!(config.panel.deadline, std::time::Duration::from_secs(45));
    assert_eq!(config.panel.max_output_tokens, 1024);
}

#[test]
fn variables_that_ultra_owns_are_ones_that_the_service_knows() {
    let known: BTreeSet<String> = VARIABLES
        .iter()
        .flat_map(|variable| [variable.name.to_owned(), format!("{}_FILE", variable.name)])
        .collect();
    for (name, _) in OWNED_VARIABLES {
        assert!(known.contains(*name), "{name}");
    }
}

#[test]
fn a_plan_sets_nothing_twice() {
    for fixture in plannable() {
        let names: Vec<String> = container_env(&fixture.planned())
            .into_iter()
            .map(|variable| variable.name)
            .collect();
        assert_eq!(
            names.iter().collect::<BTreeSet<_>>().len(),
            names.len(),
            "{}: {names:?}",
            fixture.name
        );
    }
}
