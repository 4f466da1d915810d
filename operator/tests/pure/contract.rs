//! The plan's variables and files, given to the service's own configuration.

use super::{
    fixtures::{Fixture, examples, fixtures},
    pod::Pod,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use std::{collections::BTreeSet, time::Duration};
use time::OffsetDateTime;
use ultra_operator::{cli::render::parse, crd::OWNED_VARIABLES};
use ultra_service::{
    auth::{KeyRing, PublicKey, Rules},
    config::{Registration, VARIABLES},
    secrets::MasterKeys,
};

fn plannable() -> Vec<Fixture> {
    let mut all = fixtures();
    all.extend(examples());
    all.retain(|fixture| fixture.validated().is_ok());
    all
}

fn pod(name: &str) -> Pod {
    let fixture = plannable().into_iter().find(|fixture| fixture.name == name);
    Pod::of(&fixture.unwrap())
}

#[test]
fn the_service_accepts_every_variable_that_a_plan_sets_in_every_profile() {
    let mut profiles = BTreeSet::new();
    for fixture in plannable() {
        profiles.insert(Pod::of(&fixture).config().profile.to_string());
    }
    assert_eq!(
        profiles.into_iter().collect::<Vec<_>>(),
        ["development", "production", "testing"]
    );
}

/// As the service has them in production.
const STRICT: Rules = Rules {
    allow_hmac: false,
    refuse_known: true,
};

#[test]
fn the_service_takes_the_signing_key_by_the_name_that_it_would_give_it_itself() {
    for fixture in plannable() {
        let pod = Pod::of(&fixture);
        let now = OffsetDateTime::now_utc();
        let ring = KeyRing::load(&pod.config().auth.jwt_keys_dir, STRICT).unwrap();
        let [jwk] = ring.jwks(now).keys.try_into().unwrap();
        let json = serde_json::to_value(&jwk).unwrap();
        let x = BASE64_URL_SAFE_NO_PAD
            .decode(json["x"].as_str().unwrap())
            .unwrap();
        let key = PublicKey::Ed25519 {
            x: x.try_into().unwrap(),
        };
        assert_eq!(
            ring.signer(now),
            Some(key.thumbprint().as_str()),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn the_service_takes_the_master_key_from_a_file_that_it_can_watch() {
    for fixture in plannable() {
        let pod = Pod::of(&fixture);
        let secrets = pod.config().secrets;
        let keys = MasterKeys::parse(secrets.master_key.as_ref().unwrap()).unwrap();
        keys.refuse_known().unwrap();
        let file = pod.path("/run/secrets/ultra/master-key/master-key");
        assert_eq!(secrets.master_key_file, Some(file), "{}", fixture.name);
    }
}

#[test]
fn what_the_spec_says_of_the_panel_reaches_the_service() {
    let panel = pod("panel").config().panel;
    assert_eq!(panel.models.len(), 3);
    assert_eq!(panel.deadline, Duration::from_secs(45));
    assert_eq!(panel.max_output_tokens, 1024);
}

#[test]
fn what_the_spec_says_of_accounts_and_tokens_reaches_the_service() {
    let auth = pod("everything").config().auth;
    assert_eq!(auth.access_token_ttl, Duration::from_secs(5 * 60));
    assert_eq!(auth.refresh_token_ttl, Duration::from_secs(168 * 60 * 60));
    assert_eq!(auth.registration, Registration::Invite);
    assert_eq!(auth.issuer, "https://ultra.example.com");
    assert_eq!(auth.audience, "https://ultra.example.com");
    let admin = auth.first_admin.unwrap();
    assert_eq!(admin.email.as_str(), "admin@example.com");
}

#[test]
fn strangers_are_admitted_in_development_only_and_make_accounts_where_the_spec_says_so() {
    for (name, admits_strangers, registration) in [
        ("minimal", true, Registration::Open),
        ("testing", false, Registration::Open),
        ("production", false, Registration::Closed),
    ] {
        let auth = pod(name).config().auth;
        assert_eq!(
            (auth.anonymous, auth.registration),
            (admits_strangers, registration),
            "{name}"
        );
    }
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
fn every_variable_that_another_field_decides_is_ultras_own() {
    // It follows from the panel's deadline, and may be set to more.
    const FOLLOWS: &str = "ULTRA_HTTP_REQUEST_TIMEOUT";
    let owned: BTreeSet<&str> = OWNED_VARIABLES.iter().map(|(name, _)| *name).collect();
    for fixture in plannable() {
        let (ud, _) = parse(fixture.name.as_ref(), &fixture.text).unwrap();
        let given: BTreeSet<String> = ud.spec.env.into_iter().map(|variable| variable.name).collect();
        for (name, _) in Pod::of(&fixture).environment() {
            assert!(
                owned.contains(name.as_str()) || given.contains(&name) || name == FOLLOWS,
                "{}: {name}",
                fixture.name
            );
        }
    }
}

#[test]
fn a_plan_sets_nothing_twice() {
    for fixture in plannable() {
        let names: Vec<String> = Pod::of(&fixture)
            .environment()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names.iter().collect::<BTreeSet<_>>().len(),
            names.len(),
            "{}: {names:?}",
            fixture.name
        );
    }
}
