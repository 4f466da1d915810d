//! Generated Secrets that exist: what is in them stays, and what is missing of them is told.

use super::fixtures::{Fixture, fresh, images};
use k8s_openapi::{ByteString, api::core::v1::Secret, jiff::Timestamp};
use kube::ResourceExt;
use std::sync::Arc;
use ultra_operator::{
    cli::render::parse,
    fresh::Fresh,
    observe::Observed,
    plan::{Objects, Planned, plan},
    validate::{Invalid, validate},
};

const MINIMAL: &str = "{kind: UltraDeployment, metadata: {name: demo}, spec: {}}";
const RETAINED: &str = "{kind: UltraDeployment, metadata: {name: demo}, spec: {deletionPolicy: Retain}}";

fn planned(text: &str) -> Objects<Planned> {
    Fixture {
        name: "demo".into(),
        text: text.into(),
    }
    .planned()
}

fn secret(planned: &Objects<Planned>, name: &str) -> Secret {
    let secret = planned.secrets.iter().find(|secret| secret.name_any() == name);
    secret.unwrap().clone()
}

/// What a spec becomes where Secrets exist, for an operator that has other random numbers.
fn with_secrets(text: &str, secrets: Vec<Secret>, fresh: Fresh) -> Result<Objects<Planned>, Invalid> {
    let mut observed = Observed::empty([], fresh, Timestamp::UNIX_EPOCH);
    observed.children.secrets = secrets.into_iter().map(Arc::new).collect();
    let (ud, _) = parse("demo".as_ref(), text).unwrap();
    Ok(plan(&validate(&ud, &observed, &images())?))
}

fn refusal(secret: Secret) -> Invalid {
    with_secrets(MINIMAL, vec![secret], fresh())
        .err()
        .expect("the Secret is refused")
}

#[test]
fn what_was_generated_once_stays_and_rolls_nothing() {
    let first = planned(MINIMAL);
    let second = with_secrets(MINIMAL, first.secrets.clone(), Fresh::generate()).unwrap();
    assert_eq!(first.secrets, second.secrets);
    assert_eq!(first.service, second.service);
}

#[test]
fn keys_that_are_new_roll_no_pod() {
    let first = planned(MINIMAL);
    let others = Fresh {
        postgres: fresh().postgres,
        redis: fresh().redis,
        ..Fresh::generate()
    };
    let second = with_secrets(MINIMAL, Vec::new(), others).unwrap();
    for name in ["demo-jwt", "demo-master-key"] {
        assert_ne!(secret(&first, name).data, secret(&second, name).data, "{name}");
    }
    assert_eq!(first.service, second.service);
}

#[test]
fn another_admin_rolls_the_pods() {
    let text = |password: &str| {
        format!(
            "{{kind: Secret, metadata: {{name: admin}}, stringData: {{email: a@example.com, password: {password}}}}}\n\
             ---\n{{kind: UltraDeployment, metadata: {{name: demo}}, spec: {{auth: {{adminSecretRef: {{name: admin}}}}}}}}"
        )
    };
    assert_ne!(
        planned(&text("a sentence that nobody guesses")).service,
        planned(&text("a sentence that nobody knows")).service
    );
}

#[test]
fn what_is_retained_has_no_owner_and_what_is_not_has_one_whatever_it_had_before() {
    let owned = |planned: &Objects<Planned>| -> Vec<String> {
        let owned = planned
            .secrets
            .iter()
            .filter(|secret| !secret.owner_references().is_empty());
        owned.map(ResourceExt::name_any).collect()
    };
    let all = ["demo-jwt", "demo-master-key", "demo-postgres", "demo-redis"];
    let deleted = planned(MINIMAL);
    let retained = planned(RETAINED);
    assert_eq!(owned(&deleted), all);
    // The cache is as empty as its password is worthless when the resource is gone.
    assert_eq!(owned(&retained), ["demo-redis"]);

    let kept = with_secrets(RETAINED, deleted.secrets, Fresh::generate()).unwrap();
    assert_eq!(owned(&kept), ["demo-redis"]);
    let given_back = with_secrets(MINIMAL, retained.secrets, Fresh::generate()).unwrap();
    assert_eq!(owned(&given_back), all);
    for name in all {
        assert_eq!(secret(&kept, name).data, secret(&given_back, name).data, "{name}");
    }
}

#[test]
fn a_key_that_someone_took_out_is_named_with_what_its_loss_means() {
    let whole = planned(MINIMAL);
    let kid = fresh().jwt.kid;
    for (name, key, anew) in [
        ("demo-jwt", "ring.json", "access tokens"),
        ("demo-jwt", &*format!("{kid}.pem"), "access tokens"),
        ("demo-master-key", "master-key", "provider keys"),
        ("demo-postgres", "password", "the database takes over"),
        ("demo-redis", "uri", "the cache takes over"),
    ] {
        let mut secret = secret(&whole, name);
        secret.data.as_mut().unwrap().remove(key).expect(key);
        let refusal = refusal(secret);
        assert_eq!(refusal.reason(), "SecretIncomplete");
        let message = refusal.to_string();
        assert!(
            message.starts_with(&format!("Secret {name} has lost its key {key}: put it back, or")),
            "{message}"
        );
        assert!(message.contains(anew), "{message}");
    }
}

#[test]
fn a_ring_that_nobody_can_read_is_told_without_what_is_in_it() {
    let mut secret = secret(&planned(MINIMAL), "demo-jwt");
    let data = secret.data.as_mut().unwrap();
    data.insert("ring.json".into(), ByteString(b"{\"signer\": canary".to_vec()));
    let refusal = refusal(secret);
    assert_eq!(refusal.reason(), "SecretMalformed");
    assert!(
        refusal.to_string().contains(r#"write {"signer": "<kid>"}"#),
        "{refusal}"
    );
    assert!(!refusal.to_string().contains("canary"), "{refusal}");
}

#[test]
fn a_ring_may_have_more_keys_and_times_for_them() {
    let mut jwt = secret(&planned(MINIMAL), "demo-jwt");
    let data = jwt.data.as_mut().unwrap();
    data.insert(
        "next.pem".into(),
        ByteString(b"for the service to judge".to_vec()),
    );
    let ring = br#"{"signer": "next", "keys": {"next": {"activateAt": "2030-01-01T00:00:00Z"}}}"#;
    data.insert("ring.json".into(), ByteString(ring.to_vec()));
    let kept = with_secrets(MINIMAL, vec![jwt.clone()], fresh()).unwrap();
    assert_eq!(secret(&kept, "demo-jwt"), jwt);

    jwt.data.as_mut().unwrap().remove("next.pem");
    assert!(refusal(jwt).to_string().contains("has lost its key next.pem"));
}

#[test]
fn nothing_that_is_validated_shows_a_secret() {
    let fixture = Fixture {
        name: "external".into(),
        text: include_str!("../fixtures/production.yaml").into(),
    };
    let shown = format!("{:?}", fixture.validated().unwrap());
    for canary in ["a-password-of-its-own", "nobody guesses", "PRIVATE KEY"] {
        assert!(!shown.contains(canary), "{shown}");
        let bytes = format!("{:?}", canary.as_bytes());
        assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
    }
}
