//! Redis is configured, and lost.

use std::time::{Duration, Instant};

use reqwest::Response;
use ultra_service::{
    config::Tier,
    domain::Usage,
    limits::{Caller, Refused, Remedy, Reservation, Status},
};
use ultra_testenv::Stack;

use super::replicas::{Replicas, model, settle, taken, tier, user};
use crate::{
    auth::people::service_of,
    harness::{Service, answer_to, until},
};

const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);

async fn ask(service: &Service) -> Response {
    service.get("/api/v1/models").send().await.unwrap()
}

fn policy(response: &Response) -> &str {
    response.headers()["ratelimit-policy"].to_str().unwrap()
}

fn counts_alone(response: &Response) -> bool {
    response
        .headers()
        .get("x-ultra-limits")
        .is_some_and(|value| value == "local")
}

/// How long it takes until all replicas count together again.
async fn until_shared(service: &Service) -> Duration {
    let started = Instant::now();
    until("all replicas count together again", async || {
        let response = ask(service).await;
        if policy(&response).contains("q=30;") && !counts_alone(&response) {
            Ok(())
        } else {
            Err(response)
        }
    })
    .await;
    started.elapsed()
}

#[tokio::test]
async fn a_lost_redis_costs_one_timeout_and_each_replica_admits_its_share_until_it_is_back() {
    const TWO_SECONDS: Duration = Duration::from_secs(2);
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let vars = [("REDIS_URL", stack.redis().url()), ("ULTRA_LIMITS_REPLICAS", "3")];
    let service = Service::start(
        &vars,
        Some("tiers: {free: {requestsPerMinute: 30, panelsPerMinute: 30}}"),
    )
    .await;
    let shared = ask(&service).await;
    assert_eq!(policy(&shared), r#""requests";q=30;w=60"#);
    assert!(!counts_alone(&shared));

    stack.redis().pause().await.unwrap();
    let asked = Instant::now();
    let first = ask(&service).await;
    assert_eq!(first.status(), 200);
    assert!(
        asked.elapsed() < RESPONSE_TIMEOUT + Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert!(counts_alone(&first));
    assert_eq!(policy(&first), r#""requests";q=10;w=60"#);
    let asked = Instant::now();
    for _ in 0..9 {
        assert_eq!(ask(&service).await.status(), 200);
    }
    assert!(
        asked.elapsed() < RESPONSE_TIMEOUT * 4,
        "nine more took {:?}",
        asked.elapsed()
    );
    let refused = ask(&service).await;
    assert_eq!(refused.status(), 429);
    assert!(counts_alone(&refused) && refused.headers().contains_key("retry-after"));
    let report = service.dependency_is("limits", "degraded").await;
    assert_eq!(
        (&report["status"], &report["dependencies"]["limits"]["error"]),
        (&"warn".into(), &"local".into())
    );
    stack.redis().unpause().await.unwrap();
    let took = until_shared(&service).await;
    assert!(took < TWO_SECONDS, "after a pause it took {took:?}");
    service.dependency_is("limits", "up").await;

    stack.redis().kill().await.unwrap();
    until_alone(async || ask(&service).await).await;
    stack.redis().start().await.unwrap();
    let took = until_shared(&service).await;
    assert!(took < TWO_SECONDS, "after a crash it took {took:?}");
}

fn tokens(input_tokens: u64) -> Usage {
    Usage {
        input_tokens,
        output_tokens: 0,
    }
}

#[tokio::test]
async fn replicas_count_each_other_and_share_by_that_count_once_redis_is_lost() {
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let vars = [("REDIS_URL", stack.redis().url())];
    let tiers = Some("tiers: {free: {requestsPerMinute: 30, panelsPerMinute: 30}}");
    let start = async || service_of(&vars, tiers).await;
    let (one, _other, mut third) = (start().await, start().await, start().await);
    let admin = one.admin().await.access;
    let seen = async |expected: u64| {
        until("all replicas are seen", async || {
            let report = one.get("/health?detailed").bearer_auth(&admin);
            let report = answer_to(report).await;
            match report["dependencies"]["limits"]["detail"]["replicas"].as_u64() {
                Some(seen) if seen == expected => Ok(()),
                seen => Err(seen),
            }
        })
        .await;
    };
    seen(3).await;
    third.shut_down();
    seen(2).await;
    stack.redis().pause().await.unwrap();
    let ask = async || {
        one.get("/api/v1/models")
            .bearer_auth(&admin)
            .send()
            .await
            .unwrap()
    };
    let alone = until_alone(ask).await;
    assert_eq!(policy(&alone), r#""requests";q=15;w=60"#);
}

/// The first answer that a replica counted alone.
async fn until_alone(ask: impl AsyncFn() -> Response) -> Response {
    until("the loss is noticed", async || {
        let response = ask().await;
        if counts_alone(&response) {
            Ok(response)
        } else {
            Err(response)
        }
    })
    .await
}

async fn reserve(
    replicas: &Replicas,
    replica: usize,
    caller: Caller,
    amount: u64,
) -> Result<Reservation, Refused> {
    let allowance = replicas.admitted(replica, caller).await;
    let reservation = allowance.call(&model(), tokens(amount)).await;
    let alone = replicas.0[replica].status() == Status::Share;
    assert_eq!(allowance.told().alone, alone);
    reservation
}

async fn refuses(replicas: &Replicas, replica: usize, caller: Caller, amount: u64) -> bool {
    reserve(replicas, replica, caller, amount).await.is_err()
}

async fn spend(replicas: &Replicas, replica: usize, caller: Caller, amount: u64) {
    match reserve(replicas, replica, caller, amount).await {
        Ok(reservation) => settle(reservation, tokens(amount)).await,
        Err(refused) => panic!("{amount} on {replica}: {refused}"),
    }
}

async fn used(replicas: &Replicas, replica: usize, caller: Caller) -> u64 {
    let (left, quota) = replicas.0[replica].left(caller).await.tokens.unwrap();
    quota - left
}

#[tokio::test]
async fn while_redis_is_lost_each_replica_spends_its_part_of_what_is_left_and_tells_it_afterwards() {
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let tier = Tier {
        tokens_per_day: Some(1_000),
        ..tier(100_000)
    };
    let replicas = Replicas::impatient(stack.redis().url(), 2, tier);
    let caller = user();
    spend(&replicas, 0, caller, 200).await;
    spend(&replicas, 1, caller, 200).await;
    // Both have heard of 400, or less: what a replica has not heard of it cannot count.
    assert_eq!(
        (used(&replicas, 0, caller).await, used(&replicas, 1, caller).await),
        (400, 400)
    );
    let under_way = reserve(&replicas, 0, caller, 100).await.ok().unwrap();
    used(&replicas, 1, caller).await;

    stack.redis().pause().await.unwrap();
    // 500 are left: 250 for each.
    let Err(Refused::TooMuch(over)) = reserve(&replicas, 0, caller, 251).await else {
        panic!("it is admitted");
    };
    assert_eq!(over.remedy, Remedy::Redis);
    spend(&replicas, 0, caller, 250).await;
    assert!(refuses(&replicas, 0, caller, 1).await);
    assert!(refuses(&replicas, 1, caller, 251).await);
    spend(&replicas, 1, caller, 150).await;
    // It was set aside in Redis, and settles while that is lost.
    settle(under_way, tokens(50)).await;

    stack.redis().unpause().await.unwrap();
    until("both have told what they spent", async || {
        let seen = (used(&replicas, 0, caller).await, used(&replicas, 1, caller).await);
        if seen == (850, 850) { Ok(()) } else { Err(seen) }
    })
    .await;
    assert_eq!(replicas.0[0].status(), Status::Shared);
}

#[tokio::test]
async fn what_a_redis_that_hung_has_heard_counts_once() {
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let tier = Tier {
        tokens_per_day: Some(1_000),
        ..tier(100_000)
    };
    let replicas = Replicas::impatient(stack.redis().url(), 1, tier);
    let caller = user();
    let is_used = async |expected: u64| {
        until("everything is told", async || {
            match used(&replicas, 0, caller).await {
                seen if seen == expected && replicas.0[0].status() == Status::Shared => Ok(()),
                seen => Err(seen),
            }
        })
        .await;
    };
    // It settles twice, where whoever waits for the first time goes away.
    let mut given_up = reserve(&replicas, 0, caller, 600).await.ok().unwrap();
    given_up.follow(&taken(tokens(50)));
    stack.redis().pause().await.unwrap();
    let moment = Duration::from_millis(20);
    assert!(tokio::time::timeout(moment, given_up.settle()).await.is_err());
    stack.redis().unpause().await.unwrap();
    is_used(50).await;

    // The answer to one that is set aside does not come in time, and neither does that to one that settles.
    let allowance = replicas.admitted(0, caller).await;
    let settles = reserve(&replicas, 0, caller, 300).await.ok().unwrap();
    stack.redis().pause().await.unwrap();
    let model = model();
    let (set_aside, ()) = tokio::join!(allowance.call(&model, tokens(600)), settle(settles, tokens(30)));
    assert_eq!(replicas.0[0].status(), Status::Share);
    settle(set_aside.ok().unwrap(), tokens(20)).await;
    stack.redis().unpause().await.unwrap();
    is_used(100).await;
}
