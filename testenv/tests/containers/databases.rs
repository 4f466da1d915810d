use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{Connection, PgConnection};
use ultra_testenv::{Error, Stack};

async fn tables(url: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'")
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

async fn execute(url: &str, statement: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(statement).execute(&mut connection).await.map(drop)
}

#[tokio::test]
async fn a_fresh_database_is_empty_and_knows_nothing_of_another() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let first = stack.postgres().fresh_database().await.unwrap();
    execute(first.url(), "CREATE TABLE things (id int)")
        .await
        .unwrap();
    let second = stack.postgres().fresh_database().await.unwrap();
    assert_eq!(tables(first.url()).await, ["things"]);
    assert_eq!(tables(second.url()).await, [""; 0]);
    assert_eq!(tables(stack.postgres().url()).await, [""; 0]);
}

#[tokio::test]
async fn a_database_is_dropped_with_its_handle_though_somebody_is_connected() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    let mut observer = PgConnection::connect(stack.postgres().url()).await.unwrap();
    let _connected = PgConnection::connect(database.url()).await.unwrap();
    drop(database);
    let gone = async {
        while sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1")
            .bind(&name)
            .fetch_optional(&mut observer)
            .await
            .unwrap()
            .is_some()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), gone)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_template_is_migrated_once_and_every_copy_has_its_tables() {
    static MIGRATIONS: AtomicUsize = AtomicUsize::new(0);
    let stack = Stack::builder().postgres().start().await.unwrap();
    let copy = || {
        stack
            .postgres()
            .fresh_database_from("once-and-copied", |url| async move {
                MIGRATIONS.fetch_add(1, Ordering::SeqCst);
                execute(
                    &url,
                    "CREATE TABLE migrated (id int); INSERT INTO migrated VALUES (1)",
                )
                .await
            })
    };
    let (first, second, third) = tokio::try_join!(copy(), copy(), copy()).unwrap();
    assert_eq!(MIGRATIONS.load(Ordering::SeqCst), 1);
    execute(first.url(), "DROP TABLE migrated").await.unwrap();
    assert_eq!(tables(second.url()).await, ["migrated"]);
    assert_eq!(tables(third.url()).await, ["migrated"]);
}

#[tokio::test]
async fn a_template_that_cannot_be_migrated_is_left_to_the_next_who_wants_it() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let key = "fails-at-first";
    let failed = stack
        .postgres()
        .fresh_database_from(key, |url| async move {
            execute(&url, "CREATE TABLE half_done (id int)").await?;
            execute(&url, "this is not SQL").await
        })
        .await
        .unwrap_err();
    assert!(
        matches!(&failed, Error::Migration { key: of, .. } if of == key),
        "{failed}"
    );
    assert!(failed.to_string().contains("syntax error"), "{failed}");
    let database = stack
        .postgres()
        .fresh_database_from(key, |url| async move {
            execute(&url, "CREATE TABLE done (id int)").await
        })
        .await
        .unwrap();
    assert_eq!(tables(database.url()).await, ["done"]);
}

#[tokio::test]
async fn a_connection_that_the_migration_forgot_does_not_spoil_the_template() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let database = stack
        .postgres()
        .fresh_database_from("forgotten-connection", |url| async move {
            let forgotten = PgConnection::connect(&url).await?;
            keep.send(forgotten).unwrap();
            Ok::<_, sqlx::Error>(())
        })
        .await
        .unwrap();
    assert!(kept.recv().await.is_some());
    assert_eq!(tables(database.url()).await, [""; 0]);
}

#[tokio::test]
async fn stacks_of_one_run_share_one_server() {
    let (first, second) = tokio::try_join!(
        Stack::builder().postgres().redis().start(),
        Stack::builder().postgres().redis().start()
    )
    .unwrap();
    let server = |url: &str| url.rsplit_once('/').unwrap().0.to_owned();
    assert_eq!(server(first.postgres().url()), server(second.postgres().url()));
    assert_ne!(first.postgres().url(), second.postgres().url());
    assert_eq!(server(first.redis().url()), server(second.redis().url()));
    assert_ne!(first.redis().url(), second.redis().url());
}

#[test]
fn a_stack_outlives_the_runtime_that_it_was_started_in() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let stack = runtime().block_on(Stack::builder().postgres().start()).unwrap();
    let database = runtime().block_on(stack.postgres().fresh_database()).unwrap();
    assert_eq!(runtime().block_on(tables(database.url())), [""; 0]);
}
