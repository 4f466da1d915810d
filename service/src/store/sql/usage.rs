//! The ledger's rows. Thousands a second go in, so each batch is one statement: arrays in Postgres, JSON in SQLite.

use serde_json::{Value, json};
use sqlx::{PgConnection, SqliteConnection};
use time::Date;
use uuid::Uuid;

use super::{
    Database, Transaction, call,
    connection::{Connection, execute, fetch_all},
    timestamp::Timestamp,
    transaction, usage_partitions,
};
use crate::{
    domain::{Account, Money, Usage, UserId},
    store::{
        DailyUsage, Error, UsageRecord,
        counts::{to_i64, to_u64},
        records::owner,
    },
};

/// Whose the usage of an erased user is. Nobody's, without a credential, has no user at all.
const ERASED: Uuid = Uuid::nil();

/// Held in common by those who append and alone by who erases a user: a batch that has seen the user and is not
/// committed yet would bring the id back.
const APPENDING: i64 = 0x756c_7472_6100_0001;

#[derive(sqlx::FromRow)]
struct DayRow {
    day: Date,
    model: String,
    requests: i64,
    input_tokens: i64,
    output_tokens: i64,
    cost: i64,
}

impl From<DayRow> for DailyUsage {
    fn from(row: DayRow) -> Self {
        Self {
            day: row.day,
            model: row.model,
            requests: to_u64(row.requests),
            usage: Usage {
                input_tokens: to_u64(row.input_tokens),
                output_tokens: to_u64(row.output_tokens),
            },
            cost: Money::from_millionths(to_u64(row.cost)),
        }
    }
}

/// The sums of rows of a kind, by day and model.
macro_rules! sums {
    ($whose:literal) => {
        concat!(
            "select occurred_on as day, model, count(*) as requests, \
             cast(sum(input_tokens) as bigint) as input_tokens, \
             cast(sum(output_tokens) as bigint) as output_tokens, cast(sum(cost) as bigint) as cost \
             from usage where occurred_on between $1 and $2 and ",
            $whose,
            " group by occurred_on, model order by occurred_on, model"
        )
    };
}

pub(super) async fn append(database: &impl Database, records: &[UsageRecord]) -> Result<(), Error> {
    if records.is_empty() {
        return Ok(());
    }
    match try_append(database, records).await {
        // Housekeeping makes the months ahead of time. This one is older than that, or the first of all.
        Err(error) if usage_partitions::is_missing(&error) => {
            usage_partitions::prepare_for(database, records).await?;
            try_append(database, records).await
        }
        result => result,
    }
}

async fn try_append(database: &impl Database, records: &[UsageRecord]) -> Result<(), Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        match transaction.connection() {
            Connection::Postgres(connection) => insert_arrays(connection, records).await?,
            Connection::Sqlite(connection) => insert_json(connection, records).await?,
        }
        transaction.commit().await?;
        Ok(())
    })
    .await
}

async fn insert_arrays(connection: &mut PgConnection, records: &[UsageRecord]) -> Result<(), sqlx::Error> {
    const INSERT: &str = "insert into usage (occurred_on, id, occurred_at, user_id, key_id, operation, model, \
         analysis_id, input_tokens, output_tokens, cost, outcome, cached) \
         select r.occurred_on, r.id, r.occurred_at, \
         case when r.user_id is not null then coalesce(u.id, $14) end, \
         case when u.id is not null then r.key_id end, r.operation, r.model, \
         case when r.user_id is null or u.id is not null then r.analysis_id end, \
         r.input_tokens, r.output_tokens, r.cost, r.outcome, r.cached \
         from unnest($1::date[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], \
         $8::uuid[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::boolean[]) \
         as r (occurred_on, id, occurred_at, user_id, key_id, operation, model, analysis_id, input_tokens, \
         output_tokens, cost, outcome, cached) left join users u on u.id = r.user_id on conflict do nothing";

    // The ledger lets go of its own copy once this is committed, so a commit has to be one, whatever the server's
    // default is.
    const LOCK: &str = "select pg_advisory_xact_lock_shared($1), \
         case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true) end";

    fn column<'r, T>(records: &'r [UsageRecord], of: impl Fn(&'r UsageRecord) -> T) -> Vec<T> {
        records.iter().map(of).collect()
    }

    sqlx::query(LOCK)
        .bind(APPENDING)
        .execute(&mut *connection)
        .await?;
    sqlx::query(INSERT)
        .bind(column(records, UsageRecord::occurred_on))
        .bind(column(records, |record| record.id))
        .bind(column(records, |record| record.occurred_at))
        .bind(column(records, |record| owner(record.account)))
        .bind(column(records, |record| record.key.map(|key| key.as_uuid())))
        .bind(column(records, |record| record.operation.as_str()))
        .bind(column(records, |record| record.operation.model()))
        .bind(column(records, |record| record.analysis.map(|id| id.as_uuid())))
        .bind(column(records, |record| to_i64(record.usage.input_tokens)))
        .bind(column(records, |record| to_i64(record.usage.output_tokens)))
        .bind(column(records, |record| to_i64(record.cost.millionths())))
        .bind(column(records, |record| record.outcome.as_str()))
        .bind(column(records, |record| record.cached))
        .bind(ERASED)
        .execute(connection)
        .await
        .map(drop)
}

async fn insert_json(connection: &mut SqliteConnection, records: &[UsageRecord]) -> Result<(), sqlx::Error> {
    const INSERT: &str = "insert into usage (occurred_on, id, occurred_at, user_id, key_id, operation, model, \
         analysis_id, input_tokens, output_tokens, cost, outcome, cached) \
         select r.value ->> 0, unhex(r.value ->> 1), r.value ->> 2, \
         case when r.value ->> 3 is not null then coalesce(u.id, $2) end, \
         case when u.id is not null then unhex(r.value ->> 4) end, r.value ->> 5, r.value ->> 6, \
         case when r.value ->> 3 is null or u.id is not null then unhex(r.value ->> 7) end, \
         r.value ->> 8, r.value ->> 9, r.value ->> 10, r.value ->> 11, r.value ->> 12 \
         from json_each($1) as r left join users u on u.id = unhex(r.value ->> 3) where true \
         on conflict do nothing";

    let rows: Vec<Value> = records.iter().map(to_json).collect();
    sqlx::query(INSERT)
        .bind(Value::Array(rows).to_string())
        .bind(ERASED)
        .execute(connection)
        .await
        .map(drop)
}

fn to_json(record: &UsageRecord) -> Value {
    let hex = |id: Uuid| id.simple().to_string();
    json!([
        record.occurred_on().to_string(),
        hex(record.id),
        Timestamp(record.occurred_at).micros(),
        owner(record.account).map(hex),
        record.key.map(|key| hex(key.as_uuid())),
        record.operation.as_str(),
        record.operation.model(),
        record.analysis.map(|id| hex(id.as_uuid())),
        to_i64(record.usage.input_tokens),
        to_i64(record.usage.output_tokens),
        to_i64(record.cost.millionths()),
        record.outcome.as_str(),
        record.cached,
    ])
}

pub(super) async fn by_day(
    database: &impl Database,
    account: Option<Account>,
    from: Date,
    to: Date,
) -> Result<Vec<DailyUsage>, Error> {
    // `is not distinct from` would use no index in Postgres.
    const ONES: &str = sums!("user_id = $3");
    const NOBODYS: &str = sums!("user_id is null and $3 is null");
    const EVERYBODYS: &str = sums!("$3 is null");

    let (sql, user) = match account {
        None => (EVERYBODYS, None),
        Some(Account::Anonymous) => (NOBODYS, None),
        Some(Account::User(id)) => (ONES, Some(id.as_uuid())),
    };
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(lease, DayRow, sql, from, to, user)?;
        Ok(rows.into_iter().map(DailyUsage::from).collect())
    })
    .await
}

/// Waits for batches that are under way, and keeps others out until the transaction ends. SQLite's transactions do so
/// from their beginning.
pub(super) async fn lock_against_appending(transaction: &mut Transaction) -> Result<(), Error> {
    if let Connection::Postgres(connection) = transaction.connection() {
        sqlx::query("select pg_advisory_xact_lock($1)")
            .bind(APPENDING)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Takes a user's name off what they used: the sums stay right.
pub(super) async fn forget_whose(transaction: &mut Transaction, user: UserId) -> Result<(), Error> {
    execute!(
        transaction,
        "update usage set user_id = $2, key_id = null, analysis_id = null where user_id = $1",
        user.as_uuid(),
        ERASED,
    )?;
    Ok(())
}
