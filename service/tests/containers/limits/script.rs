//! The script that runs in Redis, on a clock that the test sets.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use redis::{Connection, Script};
use ultra_testenv::Stack;

const CHECK: &str = include_str!("../../../src/limits/check.lua");

/// A bucket that counts in request-minutes per microsecond, exactly.
struct Reference {
    limit: u128,
    level: u128,
    last: u128,
}

impl Reference {
    const COST: u128 = 60_000_000;

    fn refill(&mut self, now: u128) {
        let full = self.limit * Self::COST;
        self.level = full.min(self.level + (now - self.last) * self.limit);
        self.last = now;
    }

    fn used(&self) -> u128 {
        self.limit * Self::COST - self.level
    }
}

fn decides_as_the_reference(
    redis: &mut Connection,
    limits: [u32; 2],
    pauses: Vec<u64>,
) -> Result<(), TestCaseError> {
    // Far from zero, as real time is, so that a number that grows too big for the script shows.
    let mut now = 4_000_000_000_000_000_u64;
    let script = Script::new(
        &CHECK
            .replace("redis.call('TIME')", "{ 0, ARGV[#ARGV] }")
            .replace("#ARGV, 2", "#ARGV - 1, 2"),
    );
    let key = format!("{{script}}:{}", uuid::Uuid::new_v4());
    let mut references = limits.map(|limit| Reference {
        limit: limit.into(),
        level: u128::from(limit) * Reference::COST,
        last: now.into(),
    });
    for pause in pauses {
        now += pause;
        let mut invocation = script.key(&key);
        for (name, limit) in ["one", "other"].into_iter().zip(limits) {
            invocation.arg(name).arg(limit);
        }
        let answer: Vec<u64> = invocation.arg(now).invoke(redis).unwrap();
        for reference in &mut references {
            reference.refill(now.into());
        }
        let admitted = references
            .iter()
            .all(|reference| reference.level >= Reference::COST);
        if admitted {
            for reference in &mut references {
                reference.level -= Reference::COST;
            }
        }
        let expected: Vec<u64> = std::iter::once(u64::from(admitted))
            .chain(
                references
                    .iter()
                    .map(|reference| u64::try_from(reference.used()).unwrap()),
            )
            .collect();
        prop_assert_eq!(answer, expected);
    }
    Ok(())
}

#[tokio::test]
async fn the_script_decides_to_the_microsecond_as_the_reference_does() {
    let stack = Stack::builder().redis().start().await.unwrap();
    let client = redis::Client::open(stack.redis().url()).unwrap();
    tokio::task::spawn_blocking(move || {
        let redis = std::cell::RefCell::new(client.get_connection().unwrap());
        let limits = [1_u32..=1_000_000, 1..=20];
        let pause = prop_oneof![0_u64..100, 0_u64..2_000_000, 0_u64..200_000_000];
        let cases = (limits, prop::collection::vec(pause, 1..60));
        let mut runner = TestRunner::new(Config {
            cases: 64,
            failure_persistence: None,
            ..Config::default()
        });
        runner
            .run(&cases, |(limits, pauses)| {
                decides_as_the_reference(&mut redis.borrow_mut(), limits, pauses)
            })
            .unwrap_or_else(|error| panic!("{error}"));
    })
    .await
    .unwrap();
}
