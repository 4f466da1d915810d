//! One suite for the buckets in this process and those in Redis.

use std::time::{Duration, Instant};

use ultra_service::{config::Tier, domain::UserId, limits::Refused};
use ultra_testenv::Stack;

use super::replicas::{Replicas, address, anonymous, key, tier, user};
use crate::harness::redis_at;

/// As many as the limit at once, then one each time that was told.
async fn a_bucket_admits_its_limit_and_then_one_at_a_time(redis: Option<&str>) {
    let replicas = Replicas::new(redis, 1, tier(300));
    let caller = user();
    let started = Instant::now();
    let mut admitted = 0_u32;
    let exceeded = loop {
        match replicas.0[0].admit(caller).await {
            Ok(allowance) => {
                admitted += 1;
                let standing = allowance.told().standings[0];
                assert_eq!((standing.name, standing.limit), ("requests", 300));
                assert!(standing.whole_in <= Duration::from_secs(60));
            }
            Err(exceeded) => break exceeded,
        }
    };
    // Five come back each second, while they are used up.
    let came_back = u32::try_from(started.elapsed().as_millis() / 200).unwrap() + 1;
    assert!((300..=300 + came_back).contains(&admitted), "{admitted}");
    assert!(exceeded.next_in <= Duration::from_millis(200), "{exceeded:?}");
    assert_eq!(exceeded.retry_after(), Duration::from_secs(1));
    assert_eq!(exceeded.told.standings[0].remaining, 0);
    tokio::time::sleep(exceeded.next_in).await;
    assert!(
        replicas.admits(caller).await,
        "it is not admitted when it was told"
    );
}

async fn callers_do_not_use_up_each_others(redis: Option<&str>) {
    let replicas = Replicas::new(redis, 1, tier(1));
    let (one, other) = (UserId::generate(), UserId::generate());
    assert!(replicas.admits(key(one)).await);
    assert!(!replicas.admits(key(one)).await, "another key of the same user");
    for fresh in [key(other), anonymous(7), anonymous(8)] {
        assert!(replicas.admits(fresh).await);
        assert!(!replicas.admits(fresh).await);
    }
}

async fn what_one_bucket_refuses_takes_nothing_from_another(redis: Option<&str>) {
    let tier = Tier {
        requests_per_minute_per_key: Some(2),
        ..tier(4)
    };
    let replicas = Replicas::new(redis, 1, tier);
    let user = UserId::generate();
    let (eager, other) = (key(user), key(user));
    assert_eq!(replicas.admit_at_once(50, eager).await.0, 2);
    let refused = replicas.0[0].admit(eager).await.err().unwrap();
    assert_eq!((refused.what, refused.limit), ("requests with this key", 2));
    assert_eq!(replicas.admit_at_once(50, other).await.0, 2);
}

async fn panels_are_counted_beside_requests(redis: Option<&str>) {
    let tier = Tier {
        panels_per_minute: 2,
        ..tier(10)
    };
    let replicas = Replicas::new(redis, 1, tier);
    let allowance = replicas.admitted(0, user()).await;
    assert!(allowance.panel(Vec::new, None).await.is_ok() && allowance.panel(Vec::new, None).await.is_ok());
    let Err(Refused::TooOften(refused)) = allowance.panel(Vec::new, None).await else {
        panic!("a third panel is admitted");
    };
    assert_eq!((refused.what, refused.limit), ("panels", 2));
    let told = allowance.told().standings;
    assert_eq!((told[0].name, told[0].remaining), ("requests", 9));
    assert_eq!((told[3].name, told[3].remaining), ("panels", 0));
}

async fn parallel_requests_never_exceed_the_limit(redis: Option<&str>, replicas: usize) {
    let replicas = Replicas::new(redis, replicas, tier(50));
    let caller = user();
    let (admitted, took) = replicas.admit_at_once(200, caller).await;
    // One comes back every 1.2 seconds.
    let came_back = usize::try_from(took.as_millis() / 1_200).unwrap();
    assert!(
        (50..=50 + came_back).contains(&admitted),
        "{admitted} in {took:?}"
    );
}

async fn strangers_bar_their_address_and_no_other(redis: Option<&str>) {
    let limits = &Replicas::new(redis, 1, Tier::FREE).0[0];
    for _ in 0..3 {
        limits.count_refused(address(9)).await.unwrap();
        limits.refuse_barred(address(9)).unwrap();
    }
    let exceeded = limits.count_refused(address(9)).await.unwrap_err();
    assert!(
        (19..=20).contains(&exceeded.retry_after().as_secs()),
        "{exceeded:?}"
    );
    assert!(exceeded.told.standings.is_empty());
    assert!(limits.refuse_barred(address(9)).is_err());
    assert!(limits.refuse_barred(address(10)).is_ok());
}

async fn suite(redis: Option<&str>) {
    a_bucket_admits_its_limit_and_then_one_at_a_time(redis).await;
    callers_do_not_use_up_each_others(redis).await;
    what_one_bucket_refuses_takes_nothing_from_another(redis).await;
    panels_are_counted_beside_requests(redis).await;
    parallel_requests_never_exceed_the_limit(redis, 1).await;
    strangers_bar_their_address_and_no_other(redis).await;
}

#[tokio::test]
async fn buckets_in_the_process_hold() {
    suite(None).await;
}

#[tokio::test]
async fn buckets_in_redis_hold_and_three_replicas_have_one() {
    let stack = Stack::builder().redis().start().await.unwrap();
    suite(Some(stack.redis().url())).await;
    parallel_requests_never_exceed_the_limit(Some(stack.redis().url()), 3).await;
}

#[tokio::test]
async fn buckets_in_redis_go_once_they_are_full_and_lie_beside_their_account() {
    let stack = Stack::builder().redis().start().await.unwrap();
    let replicas = Replicas::new(Some(stack.redis().url()), 1, tier(50));
    assert!(replicas.admits(anonymous(1)).await);
    let mut redis = redis_at(stack.redis().url()).await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    // Besides what whoever connects writes, to see that it can.
    let keys: Vec<_> = keys.into_iter().filter(|key| key != "ultra:v1:probe").collect();
    assert_eq!(keys, ["ultra:v1:{anonymous/192.0.2.1}:buckets"]);
    let ttl: i64 = redis::cmd("TTL")
        .arg(&keys)
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!((59..=61).contains(&ttl), "{ttl}");
}
