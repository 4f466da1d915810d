//! What the API's document says, as far as every change has to show it. Much more is asked in the exhaustive layer.

use std::{path::Path, time::Duration};

use ultra_testenv::clients;

use crate::contract::{self, Effort};

#[tokio::test]
async fn the_answers_are_as_documented() {
    contract::is_kept(&Effort {
        seed: 1,
        examples: 5,
        deadline: Duration::from_secs(180),
    })
    .await;
}

#[tokio::test]
async fn a_linter_finds_nothing_wrong_with_the_document() {
    let node = clients::node(clients::NODE_PACKAGES).await.unwrap();
    let linter = node.package("@redocly/cli").join("bin/cli.js");
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api/openapi.json");
    let arguments = [
        linter.to_str().unwrap(),
        "lint",
        "--extends=recommended",
        "--max-problems=1000",
        document.to_str().unwrap(),
    ];
    // It asks nobody for a newer version, and tells nobody that it ran.
    let quiet = [
        ("REDOCLY_TELEMETRY", "off"),
        ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true"),
    ];
    let output = node
        .execute(&arguments, &quiet, Duration::from_secs(60))
        .await
        .unwrap();
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Your API description is valid"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}
