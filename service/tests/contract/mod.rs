//! The API does what its OpenAPI document says: schemathesis makes requests of it, right ones and wrong ones, and
//! compares the answers with it.

use std::time::Duration;

use ultra_testenv::clients;

use crate::people;

const SCHEMATHESIS: &str = include_str!("schemathesis.py");

/// What is asked for, and how much of it. The same seed asks for the same.
pub(crate) struct Effort {
    pub(crate) seed: u32,
    pub(crate) examples: u32,
    pub(crate) deadline: Duration,
}

/// Asks as an admin, whom every route lets in.
pub(crate) async fn is_kept(effort: &Effort) {
    // With a master key, so that keys of providers can be stored.
    let master_key = format!("one:{}", "A".repeat(43) + "=");
    let service = people::service_with(&[("ULTRA_MASTER_KEY", &master_key)]).await;
    let admin = service.admin().await;
    let python = clients::python(clients::SCHEMATHESIS).await.unwrap();
    let (seed, examples) = (effort.seed.to_string(), effort.examples.to_string());
    let environment = [
        ("URL", service.url.as_str()),
        ("TOKEN", &admin.access),
        ("SEED", &seed),
        ("EXAMPLES", &examples),
    ];
    let output = python
        .run(SCHEMATHESIS, &environment, effort.deadline)
        .await
        .unwrap();
    output.success().unwrap();
    // Whoever lost the session in the middle has seen nothing but refusals since, which prove nothing.
    let me = service.get("/api/v1/auth/me").bearer_auth(&admin.access);
    assert_eq!(me.send().await.unwrap().status(), 200);
}
