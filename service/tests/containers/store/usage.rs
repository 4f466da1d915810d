use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use time::{Date, OffsetDateTime, macros::date};
use ultra_service::{
    domain::{Account, AnalysisId, ApiKeyId, Money, Operation, Outcome, Usage, UserId},
    store::{DailyUsage, Store, UsageRecord},
};
use uuid::Uuid;

use super::{
    Fresh,
    samples::{at, audit, user},
};

const DAY: Date = date!(2026 - 02 - 03);
const EVER: (Date, Date) = (date!(2000 - 01 - 01), date!(2100 - 01 - 01));

/// What a chat with a model used: 10 tokens in, 20 out, and a thousandth.
pub(super) fn record(account: Account) -> UsageRecord {
    UsageRecord {
        id: Uuid::now_v7(),
        occurred_at: at(0),
        account,
        key: None,
        operation: Operation::Chat("mock/analyst".parse().unwrap()),
        analysis: None,
        usage: Usage {
            input_tokens: 10,
            output_tokens: 20,
        },
        cost: Money::from_millionths(1_000),
        outcome: Outcome::Completed,
        cached: false,
    }
}

/// The sum of so many of them.
fn sum(day: Date, model: &str, requests: u64) -> DailyUsage {
    DailyUsage {
        day,
        model: model.to_owned(),
        requests,
        usage: Usage {
            input_tokens: 10 * requests,
            output_tokens: 20 * requests,
        },
        cost: Money::from_millionths(1_000 * requests),
    }
}

async fn sums(store: &Arc<dyn Store>, account: Option<Account>) -> Vec<DailyUsage> {
    store.usage_by_day(account, EVER.0, EVER.1).await.unwrap()
}

async fn added(store: &Arc<dyn Store>, name: &str) -> UserId {
    let user = user(name);
    store.ensure_user(&user).await.unwrap();
    user.id
}

/// Whose the rows are, and what else could tell.
async fn traces(fresh: &Fresh) -> Vec<String> {
    let hex = |column: &str| match fresh.is_postgres() {
        true => format!("coalesce({column}::text, '-')"),
        false => format!("coalesce(nullif(hex({column}), ''), '-')"),
    };
    let columns = ["user_id", "key_id", "analysis_id"].map(hex).join(" || ' ' || ");
    fresh.texts(&format!("select {columns} from usage")).await
}

pub(super) async fn what_was_used_is_summed_by_day_and_model_of_each_account(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = Account::User(added(&store, "ada").await);
    let bob = Account::User(added(&store, "bob").await);
    let panel = UsageRecord {
        operation: Operation::Panel,
        analysis: Some(AnalysisId::generate()),
        key: Some(ApiKeyId::generate()),
        outcome: Outcome::Cancelled,
        cached: true,
        ..record(ada)
    };
    let next_day = UsageRecord {
        occurred_at: at(24 * 3_600),
        ..record(ada)
    };
    let records = [
        record(ada),
        record(ada),
        panel,
        next_day,
        record(bob),
        record(Account::Anonymous),
    ];
    store.append_usage(&records).await.unwrap();
    store.append_usage(&[]).await.unwrap();

    let chat = "mock/analyst";
    assert_eq!(
        sums(&store, Some(ada)).await,
        [
            sum(DAY, chat, 2),
            sum(DAY, "ultra", 1),
            sum(date!(2026 - 02 - 04), chat, 1)
        ]
    );
    assert_eq!(sums(&store, Some(bob)).await, [sum(DAY, chat, 1)]);
    assert_eq!(sums(&store, Some(Account::Anonymous)).await, [sum(DAY, chat, 1)]);
    assert_eq!(
        sums(&store, None).await,
        [
            sum(DAY, chat, 4),
            sum(DAY, "ultra", 1),
            sum(date!(2026 - 02 - 04), chat, 1)
        ]
    );
    assert_eq!(
        store.usage_by_day(Some(ada), DAY, DAY).await.unwrap(),
        [sum(DAY, chat, 2), sum(DAY, "ultra", 1)],
        "both days are included and no others"
    );
    assert_eq!(sums(&store, Some(Account::User(UserId::generate()))).await, []);
}

pub(super) async fn a_record_that_comes_again_changes_nothing_and_those_with_it_are_kept(fresh: Fresh) {
    let store = fresh.store().await;
    let first = record(Account::Anonymous);
    store.append_usage(std::slice::from_ref(&first)).await.unwrap();
    let other = UsageRecord {
        cost: Money::from_millionths(999_999),
        outcome: Outcome::Unconfirmed,
        ..first.clone()
    };
    let batch = [other, record(Account::Anonymous)];
    store.append_usage(&batch).await.unwrap();
    store.append_usage(&batch).await.unwrap();
    assert_eq!(sums(&store, None).await, [sum(DAY, "mock/analyst", 2)]);
}

pub(super) async fn what_an_erased_user_used_stays_in_the_sums_as_nobodys(fresh: Fresh) {
    const NOBODY: [&str; 2] = [
        "00000000-0000-0000-0000-000000000000 - -",
        "00000000000000000000000000000000 - -",
    ];
    let store = fresh.store().await;
    let ada = added(&store, "ada").await;
    let of_ada = || UsageRecord {
        key: Some(ApiKeyId::generate()),
        analysis: Some(AnalysisId::generate()),
        ..record(Account::User(ada))
    };
    store.append_usage(&[of_ada(), of_ada()]).await.unwrap();
    assert!(!traces(&fresh).await.iter().any(|row| row.contains(" -")));
    store.erase_user(ada, at(2), &audit("user.erased")).await.unwrap();
    store.append_usage(&[of_ada()]).await.unwrap();

    let traces = traces(&fresh).await;
    assert_eq!(traces.len(), 3);
    assert!(
        traces.iter().all(|row| NOBODY.contains(&row.as_str())),
        "{traces:?}"
    );
    assert_eq!(sums(&store, Some(Account::User(ada))).await, []);
    assert_eq!(
        sums(&store, Some(Account::Anonymous)).await,
        [],
        "nobody in particular is not everybody without a credential"
    );
    assert_eq!(sums(&store, None).await, [sum(DAY, "mock/analyst", 3)]);
}

pub(super) async fn an_erasure_in_the_middle_of_batches_leaves_no_trace_in_any(fresh: Fresh) {
    let store = fresh.store().await;
    store.prepare_usage(DAY, DAY).await.unwrap();
    for round in 0..5_u64 {
        let ada = added(&store, &format!("ada{round}")).await;
        let batches = (0..8).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let batch: Vec<_> = (0..50).map(|_| record(Account::User(ada))).collect();
                store.append_usage(&batch).await.unwrap();
            })
        });
        let batches: Vec<_> = batches.collect();
        store.erase_user(ada, at(2), &audit("user.erased")).await.unwrap();
        for batch in batches {
            batch.await.unwrap();
        }
        assert_eq!(sums(&store, Some(Account::User(ada))).await, []);
        assert_eq!(
            sums(&store, None).await,
            [sum(DAY, "mock/analyst", (round + 1) * 400)]
        );
    }
}

pub(super) async fn many_who_write_to_new_months_at_once_all_succeed(fresh: Fresh) {
    let store = fresh.store().await;
    let batches = (0..8_i64).map(|index| {
        let store = Arc::clone(&store);
        async move {
            let batch: Vec<_> = (0..6)
                .map(|month| UsageRecord {
                    occurred_at: at((index % 2 + month * 31) * 24 * 3_600),
                    ..record(Account::Anonymous)
                })
                .collect();
            store.append_usage(&batch).await
        }
    });
    for result in join_all(batches).await {
        result.unwrap();
    }
    let requests: u64 = sums(&store, None).await.iter().map(|day| day.requests).sum();
    assert_eq!(requests, 48);
}

pub(super) async fn what_is_older_than_wanted_is_forgotten_by_the_month(fresh: Fresh) {
    let store = fresh.store().await;
    store
        .prepare_usage(date!(2026 - 01 - 15), date!(2026 - 04 - 01))
        .await
        .unwrap();
    let records: Vec<_> = [0, 31, 59]
        .map(|days| UsageRecord {
            occurred_at: at(days * 24 * 3_600),
            ..record(Account::Anonymous)
        })
        .into();
    store.append_usage(&records).await.unwrap();
    // February goes, and in Postgres January, in which nothing was used.
    let forgotten = store.forget_usage(since(date!(2026 - 03 - 01))).await.unwrap();
    assert_eq!(forgotten, if fresh.is_postgres() { 2 } else { 1 });
    assert_eq!(store.forget_usage(since(date!(2026 - 03 - 01))).await.unwrap(), 0);
    let days: Vec<_> = sums(&store, None).await.iter().map(|day| day.day).collect();
    assert_eq!(days, [date!(2026 - 03 - 06), date!(2026 - 04 - 03)]);
    store.append_usage(&records[..1]).await.unwrap();
    assert_eq!(fresh.rows("usage").await, 3, "a month that is gone is made again");
}

/// How long ago a day was.
fn since(day: Date) -> Duration {
    let ago = OffsetDateTime::now_utc().date() - day;
    ago.unsigned_abs()
}

#[tokio::test]
async fn a_month_that_has_not_ended_is_kept_whole_in_postgres() {
    let fresh = Fresh::postgres().await;
    let store = fresh.store().await;
    store.append_usage(&[record(Account::Anonymous)]).await.unwrap();
    let kept = since(date!(2026 - 02 - 27));
    assert_eq!(store.forget_usage(kept).await.unwrap(), 0);
    assert_eq!(
        fresh
            .texts("select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'usage'::regclass")
            .await,
        ["usage_2026_02"]
    );
}
