use std::time::Duration;

use redis::{AsyncConnectionConfig, Client};
use sqlx::{Connection, PgConnection};
use ultra_testenv::{Error, Redis, Stack};

/// Well above the time of an answer, well below that of a test.
const PATIENCE: Duration = Duration::from_secs(2);

async fn ping(redis: &Redis) -> redis::RedisResult<()> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let client = Client::open(redis.url())?;
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    redis::cmd("PING").exec_async(&mut connection).await
}

async fn dedicated_redis() -> Stack {
    Stack::builder().redis().dedicated().start().await.unwrap()
}

#[tokio::test]
async fn a_paused_redis_does_not_answer_until_it_goes_on() {
    let stack = dedicated_redis().await;
    ping(stack.redis()).await.unwrap();
    stack.redis().pause().await.unwrap();
    let error = ping(stack.redis()).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    stack.redis().unpause().await.unwrap();
    ping(stack.redis()).await.unwrap();
}

#[tokio::test]
async fn a_killed_redis_refuses_connections_and_comes_back_at_its_address() {
    let stack = dedicated_redis().await;
    let url = stack.redis().url().to_owned();
    stack.redis().kill().await.unwrap();
    let error = ping(stack.redis()).await.unwrap_err();
    assert!(
        error.is_connection_refusal() || error.is_connection_dropped(),
        "{error}"
    );
    stack.redis().start().await.unwrap();
    ping(stack.redis()).await.unwrap();
    assert_eq!(stack.redis().url(), url);
}

#[tokio::test]
async fn a_postgres_that_was_stopped_or_killed_still_has_its_data() {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept (id int)")
        .execute(&mut connection)
        .await
        .unwrap();
    stack.postgres().stop().await.unwrap();
    assert!(PgConnection::connect(database.url()).await.is_err());
    stack.postgres().start().await.unwrap();
    stack.postgres().kill().await.unwrap();
    stack.postgres().start().await.unwrap();
    stack.postgres().restart().await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("INSERT INTO kept VALUES (1)")
        .execute(&mut connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_shared_stack_refuses_to_be_disturbed_and_says_what_to_do() {
    let stack = Stack::builder().redis().start().await.unwrap();
    let error = stack.redis().pause().await.unwrap_err();
    assert!(matches!(error, Error::SharedStack { .. }), "{error}");
    assert!(error.to_string().contains(".dedicated()"), "{error}");
    ping(stack.redis()).await.unwrap();
}

#[tokio::test]
async fn two_dedicated_stacks_are_disturbed_apart_from_each_other() {
    let (disturbed, calm) = tokio::join!(dedicated_redis(), dedicated_redis());
    disturbed.redis().kill().await.unwrap();
    ping(calm.redis()).await.unwrap();
    let log = disturbed.redis().logs().await.unwrap();
    assert!(log.contains("Ready to accept connections"), "{log}");
}
