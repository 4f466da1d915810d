//! One contract for both stores.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tempfile::TempDir;
use time::macros::datetime;
use ultra_service::{
    analyses::Analysis,
    cache::Tier,
    config::{Database, DatabaseTarget, Migrate},
    domain::{AnalysisId, Prompt, Usage},
    panel::{LeftOut, MemberAnswer, Reason, Stage, StageReport},
    store::{self, Schema, Store},
};
use ultra_testenv::Stack;

fn config(target: DatabaseTarget) -> Database {
    Database {
        target,
        migrate: Migrate::Auto,
        max_connections: 4,
        acquire_timeout: Duration::from_secs(5),
    }
}

fn analysis() -> Analysis {
    let usage = Usage {
        input_tokens: 12,
        output_tokens: 34,
    };
    Analysis {
        id: AnalysisId::generate(),
        created_at: datetime!(2026-02-03 04:05:06.789012 UTC),
        prompt: Prompt::parse("Wie geht’s? 🐘 'quoted' -- ; drop table analyses").unwrap(),
        answer: "line one\nline two".to_owned(),
        models: vec!["mock/analyst".parse().unwrap(), "mock/analyst".parse().unwrap()],
        synthesizer: Some("mock/editor".parse().unwrap()),
        degraded: true,
        truncated: true,
        cached: true,
        cache: Some(Tier::Redis),
        stored: true,
        usage,
        duration_ms: 56,
        left_out: vec![LeftOut {
            stage: Stage::InitialResponse,
            label: Some("Response B".to_owned()),
            model: "mock/stalled".parse().unwrap(),
            reason: Reason::Late,
            detail: "no answer".to_owned(),
        }],
        stages: vec![StageReport {
            stage: Stage::UltraSynthesis,
            answers: vec![MemberAnswer {
                label: None,
                model: "mock/editor".parse().unwrap(),
                text: "line one".to_owned(),
                truncated: false,
                usage,
                duration_ms: 7,
            }],
        }],
    }
}

async fn fulfils_the_contract(store: Arc<dyn Store>) {
    assert!(matches!(
        store.schema().await.unwrap(),
        Schema::TooOld { has: None, .. }
    ));
    assert_eq!(store.migrate().await.unwrap(), Schema::Fits);
    assert_eq!(store.migrate().await.unwrap(), Schema::Fits, "migrating again");
    assert_eq!(store.schema().await.unwrap(), Schema::Fits);
    store.ping().await.unwrap();

    let full = analysis();
    let plain = Analysis {
        id: AnalysisId::generate(),
        synthesizer: None,
        degraded: false,
        truncated: false,
        cached: false,
        cache: None,
        left_out: Vec::new(),
        stages: Vec::new(),
        ..analysis()
    };
    for analysis in [&full, &plain] {
        assert_eq!(store.analysis(analysis.id).await.unwrap(), None);
        store.save_analysis(analysis).await.unwrap();
        assert_eq!(
            store.analysis(analysis.id).await.unwrap().as_ref(),
            Some(analysis)
        );
    }

    let again = Analysis {
        answer: "another".to_owned(),
        ..full.clone()
    };
    store.save_analysis(&again).await.unwrap();
    assert_eq!(
        store.analysis(full.id).await.unwrap(),
        Some(full),
        "saving again changed what was kept"
    );

    store.close().await;
    assert!(store.ping().await.unwrap_err().is_outage());
}

#[tokio::test]
async fn sqlite_fulfils_the_contract() {
    let folder = TempDir::new().unwrap();
    let target = DatabaseTarget::Sqlite(folder.path().join("made/by/the/store/ultra.db"));
    fulfils_the_contract(store::open(&config(target)).await.unwrap()).await;
}

#[tokio::test]
async fn postgres_fulfils_the_contract() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let target = DatabaseTarget::Postgres(SecretString::from(database.url()));
    fulfils_the_contract(store::open(&config(target)).await.unwrap()).await;
}

#[tokio::test]
async fn many_replicas_can_migrate_one_database_at_the_same_time() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let replicas = (0..8).map(|_| async {
        let target = DatabaseTarget::Postgres(SecretString::from(database.url()));
        let store = store::open(&config(target)).await.unwrap();
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
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let target = DatabaseTarget::Postgres(SecretString::from(database.url()));
    let store = store::open(&config(target)).await.unwrap();
    store.migrate().await.unwrap();
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
         values (9999, 'of the next version', true, '\\x00', 1)",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(store.migrate().await.unwrap(), Schema::Fits);
    assert_eq!(store.schema().await.unwrap(), Schema::Fits);
}
