use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, path::Path};

use tempfile::TempDir;
use ultra_service::{
    config::DatabaseTarget,
    domain::{Account, AnalysisId},
    store::Schema,
};

use super::{Fresh, fresh::open};

#[tokio::test]
async fn many_replicas_can_migrate_one_database_at_the_same_time() {
    let fresh = Fresh::postgres().await;
    let replicas = (0..8).map(|_| async {
        let store = fresh.unmigrated().await;
        let schema = store.migrate().await.unwrap();
        store.close().await;
        schema
    });
    let schemas = futures::future::join_all(replicas).await;
    assert!(
        schemas.iter().all(|schema| *schema == Schema::Fits),
        "{schemas:?}"
    );
}

#[tokio::test]
async fn a_schema_that_is_newer_than_this_version_fits() {
    let fresh = Fresh::postgres().await;
    let store = fresh.store().await;
    fresh
        .run(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
         values (9999, 'of the next version', true, '\\x00', 1)",
        )
        .await;
    assert_eq!(store.migrate().await.unwrap(), Schema::Fits);
    assert_eq!(store.schema().await.unwrap(), Schema::Fits);
}

/// What the service wrote before there were accounts.
const OLD_INSERT: &str = "insert into analyses (id, created_at, prompt, answer, models, synthesizer, degraded, truncated, \
     cached_by, input_tokens, output_tokens, duration_ms, left_out, stages) values (ID, '2026-02-03T04:05:06.789012Z', \
     'old', 'answer', '[\"mock/analyst\"]', null, FALSE, FALSE, null, 1, 2, 3, '[]', '[]')";

fn old_insert(fresh: &Fresh, id: AnalysisId) -> String {
    let uuid = id.as_uuid();
    if fresh.is_postgres() {
        OLD_INSERT.replace("ID", &format!("'{uuid}'"))
    } else {
        OLD_INSERT
            .replace("ID", &format!("x'{}'", uuid.simple()))
            .replace("FALSE", "0")
    }
}

pub(super) async fn what_an_older_version_wrote_is_kept_and_it_can_go_on_writing(fresh: Fresh) {
    const FIRST: &str = "0001_analyses.sql";
    let kind = if fresh.is_postgres() { "postgres" } else { "sqlite" };
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations");
    let only_first = TempDir::new().unwrap();
    std::fs::copy(format!("{source}/{kind}/{FIRST}"), only_first.path().join(FIRST)).unwrap();
    let store = fresh.unmigrated().await;
    fresh.migrate_from(only_first.path()).await;
    let missing = store.schema().await.unwrap();
    assert!(
        matches!(missing, Schema::TooOld { has: Some(1), .. }),
        "{missing:?}"
    );
    let (before, after) = (AnalysisId::generate(), AnalysisId::generate());
    fresh.run(&old_insert(&fresh, before)).await;

    assert_eq!(store.migrate().await.unwrap(), Schema::Fits);
    fresh.run(&old_insert(&fresh, after)).await;
    for id in [before, after] {
        let kept = store.analysis(id, Account::Anonymous).await.unwrap().unwrap();
        assert_eq!((kept.prompt.as_str(), kept.answer.as_str()), ("old", "answer"));
    }
}

#[tokio::test]
async fn nobody_else_on_the_machine_may_read_the_embedded_database() {
    let mode = |path: &Path, end: &str| {
        let file = format!("{}{end}", path.display());
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777
    };
    // The service does not make its folder everywhere: a mounted volume is there already, and often open to all.
    let folder = TempDir::new().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().join("ultra.db");
    let target = DatabaseTarget::Sqlite(path.clone());
    let store = open(target.clone()).await;
    store.migrate().await.unwrap();
    for end in ["", "-wal", "-shm"] {
        assert_eq!(mode(&path, end), 0o600, "ultra.db{end}");
    }
    store.close().await;

    // One of an earlier version, on a volume that a group shares.
    std::fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
    let store = open(target).await;
    store.ping().await.unwrap();
    assert_eq!(mode(&path, ""), 0o660);
    store.close().await;
}
