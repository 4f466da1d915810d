//! What limits cost: `cargo bench -p ultra-service --bench limits`.
//!
//! A request that is admitted, and a quota that is set aside and settled: in this process, and in a Redis of the test
//! environment over loopback, one after the other and 64 at once. Medians are printed, nothing is asserted.

use std::{
    collections::BTreeMap,
    error::Error,
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use ultra_service::{
    auth::Principal,
    cache::redis::Connection,
    config::{Config, Tier},
    domain::{Account, ModelId, SessionId, Usage, UserId},
    limits::{Amount, Caller, Limits, Sources, SpentToday, TierOf},
    metering::{Meter, Prices},
    store,
};
use ultra_testenv::Stack;

const ROUNDS: usize = 20_000;
const AT_ONCE: usize = 64;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Everybody is in the one tier that there is, and has spent nothing.
struct Everybody;

#[async_trait]
impl TierOf for Everybody {
    async fn tier_of(&self, _: UserId) -> std::result::Result<Option<String>, store::Error> {
        Ok(None)
    }
}

#[async_trait]
impl SpentToday for Everybody {
    async fn spent(&self, _: Account, _: time::Date) -> std::result::Result<Amount, store::Error> {
        Ok(Amount::default())
    }
}

fn limits(redis: Option<&str>) -> Result<Arc<Limits>> {
    let vars = redis.map(|url| ("REDIS_URL".to_owned(), url.to_owned()));
    let config = Config::from_env(vars)?;
    let url = config.cache.redis_url.as_ref();
    let redis = url.map(|url| Connection::new(url, &config.cache)).transpose()?;
    if let Some(redis) = &redis {
        tokio::spawn(redis.clone().keep(CancellationToken::new()));
    }
    let tier = Tier {
        requests_per_minute: 1_000_000,
        panels_per_minute: 1_000_000,
        tokens_per_day: Some(1_000_000_000_000),
        ..Tier::FREE
    };
    let sources = Sources {
        tier_of: Arc::new(Everybody),
        spent_today: Arc::new(Everybody),
    };
    let tiers = BTreeMap::from([("free".to_owned(), tier)]);
    Ok(Arc::new(Limits::new(
        &config.limits,
        tiers,
        Prices::default(),
        sources,
        redis,
    )))
}

fn callers(count: usize) -> Vec<Caller> {
    let user = || Principal::User {
        user: UserId::generate(),
        session: SessionId::generate(),
        role: ultra_service::domain::Role::User,
    };
    let address = IpAddr::from(Ipv4Addr::LOCALHOST);
    (0..count).map(|_| Caller::new(&user(), address.into())).collect()
}

async fn admit(limits: Arc<Limits>, caller: Caller) -> Duration {
    let begin = Instant::now();
    assert!(limits.admit(caller).await.is_ok());
    begin.elapsed()
}

async fn reserve_and_settle(limits: Arc<Limits>, caller: Caller, model: &ModelId) -> Result<Duration> {
    let allowance = limits.admit(caller).await?;
    let usage = Usage {
        input_tokens: 100,
        output_tokens: 100,
    };
    let begin = Instant::now();
    let mut reservation = allowance.call(model, usage).await?;
    reservation.follow(&Meter::from_iter([(model.clone(), usage)]));
    reservation.settle().await;
    Ok(begin.elapsed())
}

fn quantile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6
}

async fn measure(place: &str, limits: &Arc<Limits>) -> Result<()> {
    let mut out = std::io::stdout();
    for (who, count) in [("one caller", 1), ("10,000 callers in turn", 10_000)] {
        let callers = callers(count);
        // Once for each, so that what is measured is the state that lasts.
        for caller in &callers {
            admit(limits.clone(), *caller).await;
        }
        let mut times = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS {
            times.push(admit(limits.clone(), callers[round % count]).await);
        }
        writeln!(
            out,
            "{place}, a request of {who}: p50 {:.1} µs, p99 {:.1} µs",
            quantile(&mut times, 50),
            quantile(&mut times, 99)
        )?;
    }

    let caller = callers(1)[0];
    let begin = Instant::now();
    let at_once = stream::iter(0..ROUNDS).map(|_| tokio::spawn(admit(limits.clone(), caller)));
    let mut times: Vec<_> = at_once
        .buffer_unordered(AT_ONCE)
        .filter_map(async |time| time.ok())
        .collect()
        .await;
    writeln!(
        out,
        "{place}, {AT_ONCE} requests of one caller at once: {:.0} a second, p50 {:.1} µs, p99 {:.1} µs",
        times.len() as f64 / begin.elapsed().as_secs_f64(),
        quantile(&mut times, 50),
        quantile(&mut times, 99)
    )?;

    let model: ModelId = "mock/analyst".parse()?;
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        times.push(reserve_and_settle(limits.clone(), caller, &model).await?);
    }
    writeln!(
        out,
        "{place}, a quota set aside and settled: p50 {:.1} µs, p99 {:.1} µs",
        quantile(&mut times, 50),
        quantile(&mut times, 99)
    )?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    measure("in process", &limits(None)?).await?;
    let stack = Stack::builder().redis().start().await?;
    measure("in Redis", &limits(Some(stack.redis().url()))?).await
}
