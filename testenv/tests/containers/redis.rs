use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use ultra_testenv::{Redis, Stack};

async fn connect(redis: &Redis) -> MultiplexedConnection {
    Client::open(redis.url())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap()
}

#[tokio::test]
async fn two_stacks_do_not_see_each_others_keys() {
    let first = Stack::builder().redis().start().await.unwrap();
    let second = Stack::builder().redis().start().await.unwrap();
    let () = connect(first.redis())
        .await
        .set("key", "of the first")
        .await
        .unwrap();
    let seen: Option<String> = connect(second.redis()).await.get("key").await.unwrap();
    assert_eq!(seen, None);
}

#[tokio::test]
async fn a_logical_database_that_is_given_on_is_empty() {
    let mut former = Vec::new();
    for _ in 0..20 {
        let stack = Stack::builder().redis().start().await.unwrap();
        let mut connection = connect(stack.redis()).await;
        let keys: usize = redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap();
        assert_eq!(keys, 0, "{} was given on with keys", stack.redis().url());
        let () = connection.set("key", "left behind").await.unwrap();
        former.push(stack.redis().url().to_owned());
    }
    former.sort();
    former.dedup();
    assert!(former.len() < 20, "no logical database was given on: {former:?}");
}
