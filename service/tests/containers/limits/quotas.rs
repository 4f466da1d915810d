//! One suite for quotas in this process and those in Redis.

use futures::future::join_all;
use ultra_service::{
    config::Tier,
    domain::{ModelId, Usage},
    limits::{Caller, Refused, Remedy, Reservation},
};
use ultra_testenv::Stack;

use super::replicas::{Replicas, Store, model, settle, taken, tier, user};
use crate::harness::{redis_at, until};

/// So many tokens, half of them read.
fn usage(tokens: u64) -> Usage {
    Usage {
        input_tokens: tokens / 2,
        output_tokens: tokens - tokens / 2,
    }
}

fn tokens_a_day(tokens: u64) -> Tier {
    Tier {
        tokens_per_day: Some(tokens),
        ..tier(100_000)
    }
}

async fn reserve(
    replicas: &Replicas,
    replica: usize,
    caller: Caller,
    tokens: u64,
) -> Result<Reservation, Refused> {
    let allowance = replicas.admitted(replica, caller).await;
    allowance.call(&model(), usage(tokens)).await
}

async fn left(replicas: &Replicas, caller: Caller) -> u64 {
    replicas.0[0].left(caller).await.tokens.unwrap().0
}

fn remedy(refused: Result<Reservation, Refused>) -> Remedy {
    match refused {
        Err(Refused::TooMuch(over)) => over.remedy,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is admitted"),
    }
}

/// The promise: as many as there is quota for, to the last one, whatever comes at once.
async fn of_200_parallel_requests_against_a_quota_for_50_exactly_50_pass(
    redis: Option<&str>,
    replicas: usize,
) {
    let replicas = Replicas::new(redis, replicas, tokens_a_day(50 * 1_000 + 999));
    let caller = user();
    let asked = (0..200).map(|request| reserve(&replicas, request, caller, 1_000));
    // All are held until the last is decided.
    let decided = join_all(asked).await;
    assert_eq!(decided.iter().filter(|result| result.is_ok()).count(), 50);
    assert_eq!(left(&replicas, caller).await, 999);

    // Each has taken a tenth of what it could: there is room for 45 more.
    for reservation in decided.into_iter().flatten() {
        settle(reservation, usage(100)).await;
    }
    assert_eq!(left(&replicas, caller).await, 45_999);
    let again = join_all((0..200).map(|request| reserve(&replicas, request, caller, 1_000))).await;
    assert_eq!(again.iter().filter(|result| result.is_ok()).count(), 45);
}

async fn what_helps_is_said(redis: Option<&str>) {
    let replicas = Replicas::new(redis, 1, tokens_a_day(1_000));
    let caller = user();
    assert_eq!(remedy(reserve(&replicas, 0, caller, 1_001).await), Remedy::Less);
    let held = reserve(&replicas, 0, caller, 800).await.unwrap();
    assert_eq!(remedy(reserve(&replicas, 0, caller, 201).await), Remedy::Moment);
    settle(held, usage(800)).await;
    let refused = reserve(&replicas, 0, caller, 201).await;
    let Err(Refused::TooMuch(over)) = &refused else {
        panic!("it is admitted")
    };
    assert!(
        over.to_string()
            .starts_with("this can take up to 201 tokens, and 200 tokens of the 1000 tokens"),
        "{over}"
    );
    assert_eq!(remedy(refused), Remedy::NextDay);
    assert!(reserve(&replicas, 0, caller, 200).await.is_ok());
    assert!(
        reserve(&replicas, 0, user(), 1_000).await.is_ok(),
        "another account's quota is its own"
    );
}

async fn who_goes_away_pays_for_what_is_known_by_then(redis: Option<&str>) {
    let replicas = Replicas::new(redis, 1, tokens_a_day(1_000));
    let caller = user();
    let mut given_up = reserve(&replicas, 0, caller, 600).await.unwrap();
    given_up.follow(&taken(usage(70)));
    drop(given_up);
    until(
        "what was set aside is given back, but for what is known",
        async || {
            let left = left(&replicas, caller).await;
            if left == 930 { Ok(()) } else { Err(left) }
        },
    )
    .await;
    let mut estimated = reserve(&replicas, 0, caller, 600).await.unwrap();
    estimated.follow(&taken(usage(5_000)));
    drop(estimated);
    until("an estimate is no more than was set aside", async || {
        let left = left(&replicas, caller).await;
        if left == 330 { Ok(()) } else { Err(left) }
    })
    .await;
}

async fn money_is_counted_beside_tokens(redis: Option<&str>) {
    let tier = Tier {
        money_per_day: Some("0.003".parse().unwrap()),
        ..tokens_a_day(1_000_000)
    };
    let replicas = Replicas::new(redis, 1, tier);
    let caller = user();
    // A thousand tokens read and a thousand written cost 0.001 and 0.002.
    let reservation = reserve(&replicas, 0, caller, 2_000).await.unwrap();
    let Err(Refused::TooMuch(over)) = reserve(&replicas, 0, caller, 2).await else {
        panic!("it is admitted")
    };
    assert_eq!(
        (over.needed.as_str(), over.left.as_str(), over.quota.as_str()),
        ("0.000003", "0.00", "0.003")
    );
    settle(reservation, usage(1_000)).await;
    let left = replicas.0[0].left(caller).await;
    assert_eq!(left.money.unwrap().0.to_string(), "0.0015");
    assert_eq!(left.tokens.unwrap(), (999_000, 1_000_000));
    let unpriced: ModelId = "mock/analyst".parse().unwrap();
    let allowance = replicas.admitted(0, caller).await;
    assert!(
        allowance.call(&unpriced, usage(900_000)).await.is_ok(),
        "what has no price costs no money"
    );
    let told = allowance.told().standings;
    assert_eq!(
        (told[1].name, told[1].unit, told[1].remaining),
        ("tokens", "tokens", 99_000)
    );
    assert_eq!(
        (told[2].name, told[2].unit, told[2].remaining),
        ("money", "millionths", 1_500)
    );
}

/// A new process, or a Redis without memory, knows from the ledger what was spent before.
async fn what_was_spent_before_counts(redis: Option<&str>) {
    let store = Store::with(900);
    let replicas = Replicas::over(&store, redis, 1, tokens_a_day(1_000));
    let caller = user();
    assert_eq!(remedy(reserve(&replicas, 0, caller, 101).await), Remedy::NextDay);
    let reservation = reserve(&replicas, 0, caller, 100).await.unwrap();
    settle(reservation, usage(40)).await;
    // It is asked once: from then on what is counted here is the truth.
    store.set(0);
    assert_eq!(remedy(reserve(&replicas, 0, caller, 61).await), Remedy::NextDay);
    assert_eq!(left(&replicas, caller).await, 60);
}

async fn suite(redis: Option<&str>) {
    of_200_parallel_requests_against_a_quota_for_50_exactly_50_pass(redis, 1).await;
    what_helps_is_said(redis).await;
    who_goes_away_pays_for_what_is_known_by_then(redis).await;
    money_is_counted_beside_tokens(redis).await;
    what_was_spent_before_counts(redis).await;
}

#[tokio::test]
async fn quotas_in_the_process_hold() {
    suite(None).await;
}

#[tokio::test]
async fn quotas_in_redis_hold_for_three_replicas_together() {
    let stack = Stack::builder().redis().start().await.unwrap();
    suite(Some(stack.redis().url())).await;
    of_200_parallel_requests_against_a_quota_for_50_exactly_50_pass(Some(stack.redis().url()), 3).await;
}

#[tokio::test]
async fn a_store_that_is_away_at_the_start_refuses_nobody_and_is_asked_again() {
    let store = std::sync::Arc::new(Store::default());
    let replicas = Replicas::over(&store, None, 1, tokens_a_day(1_000));
    let caller = user();
    assert!(reserve(&replicas, 0, caller, 1_000).await.is_ok());
    store.set(700);
    until("the store was asked again", async || {
        let tokens = match reserve(&replicas, 0, caller, 1_000).await {
            Err(Refused::TooMuch(over)) => return Ok(over),
            Err(other) => panic!("{other}"),
            Ok(_) => 1_000,
        };
        Err(tokens)
    })
    .await;
}

#[tokio::test]
async fn where_neither_redis_nor_the_store_knows_the_day_a_replica_goes_on_with_its_own_count() {
    let stack = Stack::builder().redis().start().await.unwrap();
    let store = std::sync::Arc::new(Store::default());
    let replicas = Replicas::over(&store, Some(stack.redis().url()), 1, tokens_a_day(1_000));
    let caller = user();
    for _ in 0..4 {
        settle(reserve(&replicas, 0, caller, 250).await.unwrap(), usage(250)).await;
    }
    // Long enough for it to tell Redis, which is there, what it has spent.
    let told = std::time::Instant::now() + std::time::Duration::from_secs(1);
    while std::time::Instant::now() < told {
        assert!(reserve(&replicas, 0, caller, 1).await.is_err());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    store.set(400);
    until("the store was asked again", async || {
        match left(&replicas, caller).await {
            600 => Ok(()),
            left => Err(left),
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_replica_had_set_aside_is_free_again_after_its_time() {
    let stack = Stack::builder().redis().start().await.unwrap();
    let replicas = Replicas::new(Some(stack.redis().url()), 1, tokens_a_day(1_000));
    let caller = user();
    let reservation = reserve(&replicas, 0, caller, 900).await.unwrap();
    std::mem::forget(reservation);
    assert_eq!(remedy(reserve(&replicas, 0, caller, 101).await), Remedy::Moment);

    let mut redis = redis_at(stack.redis().url()).await;
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*:held:*")
        .query_async(&mut redis)
        .await
        .unwrap();
    let held: Vec<(String, u64)> = redis::cmd("ZRANGE")
        .arg(&keys)
        .arg(0)
        .arg(-1)
        .arg("WITHSCORES")
        .query_async(&mut redis)
        .await
        .unwrap();
    let now = u64::try_from(time::OffsetDateTime::now_utc().unix_timestamp() * 1_000).unwrap();
    assert!(
        (now + 590_000..=now + 601_000).contains(&held[0].1),
        "{held:?} at {now}"
    );
    let _: () = redis::cmd("ZADD")
        .arg(&keys)
        .arg(now - 1)
        .arg(&held[0].0)
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(reserve(&replicas, 0, caller, 1_000).await.is_ok());
}

#[tokio::test]
async fn a_redis_that_lost_its_memory_is_told_by_the_ledger() {
    let stack = Stack::builder().redis().start().await.unwrap();
    let store = Store::with(0);
    let replicas = Replicas::over(&store, Some(stack.redis().url()), 1, tokens_a_day(1_000));
    let caller = user();
    let before = reserve(&replicas, 0, caller, 500).await.unwrap();
    settle(before, usage(300)).await;
    let under_way = reserve(&replicas, 0, caller, 500).await.unwrap();
    let mut redis = redis_at(stack.redis().url()).await;
    let _: () = redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();

    // What settles while nothing is remembered is in the ledger, and is not counted twice.
    settle(under_way, usage(400)).await;
    store.set(700);
    assert_eq!(left(&replicas, caller).await, 300);
    assert_eq!(remedy(reserve(&replicas, 0, caller, 301).await), Remedy::NextDay);
}
