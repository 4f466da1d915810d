use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use ultra_service::{
    config::DatabaseTarget,
    domain::{Account, AnalysisId, UserId},
    store::Schema,
};

use super::{Fresh, fresh::open, usage::record};

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

/// What the version before this one does, all of it that matters for a table that has changed since. `{id}` and the
/// like stand for what the two databases write differently.
const VERSION_BEFORE: [&str; 7] = [
    "insert into users (id, email, password_hash, role, created_at, disabled_at) \
     values ({id}, '{name}@example.com', 'hash', 'user', {now}, null) on conflict (email) do nothing",
    "insert into users (id, email, password_hash, role, created_at, disabled_at) \
     values ({id}, '{name}@example.com', 'hash', 'user', {now}, null) on conflict do nothing",
    "select id, email, password_hash, role, created_at, disabled_at from users where id = {id}",
    "update users set role = 'admin' where id = {id}",
    "insert into sessions (id, user_id, created_at, expires_at) values ({other}, {id}, {now}, {now})",
    "insert into api_keys (id, user_id, name, prefix, hash, scopes, created_at, expires_at, last_used_at, revoked_at) \
     values ({other}, {id}, 'key', 'uk_1234', {other}, 'inference', {now}, null, null, null)",
    "delete from users where id = {id}",
];

async fn as_the_version_before(fresh: &Fresh, statements: &[&str], name: &str, id: UserId) {
    let literal = |id: UserId| match fresh.is_postgres() {
        true => format!("'{id}'"),
        false => format!("x'{}'", id.as_uuid().simple()),
    };
    let now = if fresh.is_postgres() {
        "now()"
    } else {
        "1770000000000000"
    };
    for statement in statements {
        let other = literal(UserId::generate());
        // A hash is bytes, where an id is one.
        let statement = match fresh.is_postgres() && statement.contains("api_keys") {
            true => statement.replacen(
                ", {other}, 'inference'",
                ", decode(md5('x'), 'hex'), 'inference'",
                1,
            ),
            false => (*statement).to_owned(),
        };
        let statement = statement
            .replace("{id}", &literal(id))
            .replace("{other}", &other)
            .replace("{name}", name)
            .replace("{now}", now);
        fresh.run(&statement).await;
    }
}

pub(super) async fn the_version_before_this_one_works_on_this_ones_schema(fresh: Fresh) {
    let kind = if fresh.is_postgres() { "postgres" } else { "sqlite" };
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations");
    let before = TempDir::new().unwrap();
    for file in ["0001_analyses.sql", "0002_accounts.sql"] {
        std::fs::copy(format!("{source}/{kind}/{file}"), before.path().join(file)).unwrap();
    }
    let store = fresh.unmigrated().await;
    fresh.migrate_from(before.path()).await;
    let (old, _) = VERSION_BEFORE.split_at(6);
    let (ada, bob) = (UserId::generate(), UserId::generate());
    as_the_version_before(&fresh, old, "ada", ada).await;

    assert_eq!(store.migrate().await.unwrap(), Schema::Fits);
    for (id, name) in [(ada, "ada"), (bob, "bob")] {
        if id == bob {
            as_the_version_before(&fresh, old, name, id).await;
        }
        let found = store.user(id).await.unwrap().unwrap();
        assert_eq!(found.email.as_str(), format!("{name}@example.com"));
        assert_eq!(found.tier.as_str(), "free");
        let used = record(Account::User(id));
        store.append_usage(&[used]).await.unwrap();
        as_the_version_before(&fresh, &VERSION_BEFORE[6..], name, id).await;
        assert!(store.user(id).await.unwrap().is_none());
    }
    assert_eq!(fresh.rows("usage").await, 2, "usage outlives its user");
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

/// The program's exit status, and what it says.
fn migrate(fresh: &Fresh, arguments: &[&str]) -> (Option<i32>, String) {
    let DatabaseTarget::Postgres(url) = fresh.target() else {
        panic!("the database is no Postgres")
    };
    let output = Command::new(env!("CARGO_BIN_EXE_ultra-service"))
        .arg("migrate")
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", url.expose_secret())
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_migrates_and_its_exit_status_says_whether_it_has_to() {
    let fresh = Fresh::postgres().await;
    let (status, said) = migrate(&fresh, &["--check"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("has version none, and ") && said.contains(" is needed"),
        "{said}"
    );
    assert_eq!(
        fresh.tables().await,
        Vec::<String>::new(),
        "a check changes nothing"
    );

    // As many at once as a deployment may start.
    let statuses = std::thread::scope(|scope| {
        let programs: Vec<_> = (0..4).map(|_| scope.spawn(|| migrate(&fresh, &[]))).collect();
        let statuses = programs.into_iter().map(|program| program.join().unwrap());
        statuses.collect::<Vec<_>>()
    });
    assert!(
        statuses.iter().all(|(status, _)| *status == Some(0)),
        "{statuses:?}"
    );
    let (status, said) = migrate(&fresh, &["--check"]);
    assert_eq!((status, said.as_str()), (Some(0), "the schema is up to date\n"));
}

#[test]
fn a_check_of_an_embedded_database_does_not_make_it() {
    let folder = TempDir::new().unwrap();
    let check = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ultra-service"))
            .args(arguments)
            .env_clear()
            .env("ULTRA_DATA_DIR", folder.path().join("data"))
            .current_dir(folder.path())
            .output();
        output.unwrap().status.code()
    };
    assert_eq!(check(&["migrate", "--check"]), Some(1));
    assert!(!folder.path().join("data").exists());
    assert_eq!(check(&["migrate"]), Some(0));
    assert_eq!(check(&["migrate", "--check"]), Some(0));
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
