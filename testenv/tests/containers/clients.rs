//! Stock SDKs in environments of their own.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path, time::Duration};

use tokio::process::Command;
use ultra_testenv::clients::{self, Error, NODE_PACKAGES, NodePackages, PYTHON_SDKS};

const DEADLINE: Duration = Duration::from_secs(60);
/// Needs nothing from the package index.
const NOTHING: &str = "# no packages\n";

fn environments(cache: &Path) -> Vec<String> {
    let entries = fs::read_dir(cache.join("clients")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn the_pinned_sdks_are_what_a_script_imports() {
    let python = clients::python(PYTHON_SDKS).await.unwrap();
    let script =
        "import anthropic as a, openai as o; print(f'openai=={o.__version__} anthropic=={a.__version__}')";
    let versions = python
        .run(script, &[], DEADLINE)
        .await
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(versions.split_whitespace().count(), 2);
    for version in versions.split_whitespace() {
        assert!(
            PYTHON_SDKS.lines().any(|line| line.starts_with(version)),
            "{version} is not pinned"
        );
    }
}

#[tokio::test]
async fn two_at_once_make_one_environment() {
    let cache = tempfile::tempdir().unwrap();
    let make = || clients::python_in(cache.path(), NOTHING);
    let (one, other) = tokio::join!(make(), make());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.path(), other.path());
    assert_eq!(environments(cache.path()).len(), 1);
    one.run("import pip", &[], DEADLINE)
        .await
        .unwrap()
        .success()
        .unwrap();
}

#[tokio::test]
async fn a_failed_installation_says_why_and_leaves_nothing_half_made() {
    let cache = tempfile::tempdir().unwrap();
    let error = clients::python_in(cache.path(), "/no/such/package\n")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Environment { .. }), "{error}");
    assert!(error.to_string().contains("/no/such/package"), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
    assert_eq!(environments(cache.path()), [""; 0]);
}

#[tokio::test]
async fn a_script_sees_the_given_variables_only() {
    let python = clients::python(PYTHON_SDKS).await.unwrap();
    let script = "import os; print(sorted(name for name in os.environ if not name.startswith('LC_')))";
    let output = python
        .run(script, &[("OPENAI_API_KEY", "k")], DEADLINE)
        .await
        .unwrap();
    assert_eq!(output.success().unwrap().trim(), "['HOME', 'OPENAI_API_KEY']");

    let output = python
        .run("import sys; print('so far'); sys.exit('no more')", &[], DEADLINE)
        .await
        .unwrap();
    let error = output.success().unwrap_err().to_string();
    assert!(error.contains("so far") && error.contains("no more"), "{error}");

    let endless = "import time; print('begun', flush=True); time.sleep(600)";
    let error = python
        .run(endless, &[], Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Timeout { printed, .. } if printed.trim() == "begun"),
        "{error}"
    );
}

#[tokio::test]
async fn the_pinned_packages_are_what_a_module_imports_on_the_node_that_is_pinned_with_them() {
    let node = clients::node(NODE_PACKAGES).await.unwrap();
    let script = "
        import {readFileSync} from 'node:fs';
        const {dependencies, optionalDependencies} = JSON.parse(readFileSync('package.json', 'utf8'));
        for (const [name, wanted] of Object.entries(dependencies)) {
            if (!name.startsWith('@redocly')) await import(name);
            const {version} = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
            if (version !== wanted) throw new Error(`${name} is ${version}, and not ${wanted}`);
        }
        const runtimes = new Set(Object.values(optionalDependencies));
        if (!runtimes.has(process.versions.node)) throw new Error(`node is ${process.versions.node}`);
        console.log(Object.keys(process.env).sort().join());
    ";
    let output = node
        .run(script, &[("OPENAI_API_KEY", "k")], DEADLINE)
        .await
        .unwrap();
    assert_eq!(output.success().unwrap().trim(), "HOME,OPENAI_API_KEY");
}

#[tokio::test]
async fn packages_that_their_lock_does_not_name_are_not_installed() {
    let cache = tempfile::tempdir().unwrap();
    let packages = NodePackages {
        manifest: r#"{"name": "x", "dependencies": {"left-pad": "1.3.0"}}"#,
        lock: r#"{"name": "x", "lockfileVersion": 3, "packages": {}}"#,
    };
    let error = clients::node_in(cache.path(), packages).await.unwrap_err();
    assert!(matches!(error, Error::Environment { .. }), "{error}");
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    assert_eq!(environments(cache.path()), [""; 0]);
}

#[tokio::test]
async fn the_browser_is_one_that_starts() {
    let browser = clients::browser().await.unwrap();
    let output = Command::new(browser).arg("--version").output().await.unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("Chrom"),
        "{output:?}"
    );
}
