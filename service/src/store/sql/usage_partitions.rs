//! The ledger's months: a partition each in Postgres, and nothing at all in SQLite, where rows are deleted one by one.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use time::{Date, Month, OffsetDateTime};

use super::{
    Database,
    connection::{Connection, execute},
    transaction,
};
use crate::store::{Error, UsageRecord};

/// Held by who makes or drops partitions.
const MAKING: i64 = 0x756c_7472_6100_0002;

/// How long a partition waits for those who are writing to the table, who wait behind it meanwhile.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '1s'";

const CHECK_VIOLATION: &str = "23514";

/// Whether a row found no partition.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Refused(sqlx::Error::Database(error)) if error.code().as_deref() == Some(CHECK_VIOLATION))
}

/// Makes the partitions of these records.
pub(super) async fn prepare_for(database: &impl Database, records: &[UsageRecord]) -> Result<(), Error> {
    let mut months: Vec<Date> = records
        .iter()
        .map(|record| first_of_month(record.occurred_on()))
        .collect();
    months.sort_unstable();
    months.dedup();
    make(database, &months).await
}

/// Makes the partitions from one day's to another's.
pub(super) async fn prepare(database: &impl Database, from: Date, to: Date) -> Result<(), Error> {
    let months = std::iter::successors(Some(first_of_month(from)), |month| next_month(*month));
    let months: Vec<_> = months.take_while(|month| *month <= to).collect();
    make(database, &months).await
}

async fn make(database: &impl Database, months: &[Date]) -> Result<(), Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        if let Connection::Postgres(connection) = transaction.connection() {
            alone(connection).await?;
            for month in months {
                make_partition(connection, *month).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    })
    .await
}

/// Attached, and not made as a part: that would stop all who write to the table.
async fn make_partition(connection: &mut PgConnection, month: Date) -> Result<(), sqlx::Error> {
    let name = name(month);
    let Some(end) = next_month(month) else {
        return Ok(());
    };
    if partitions(connection).await?.contains(&name) {
        return Ok(());
    }
    let statements = format!(
        "create table {name} (like usage including all); \
         alter table usage attach partition {name} for values from ('{month}') to ('{end}')"
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(connection)
        .await
        .map(drop)
}

/// Drops the partitions that ended so long ago, or in SQLite deletes the rows that are so old. Postgres has the day: one
/// replica whose clock is wrong must not cost everybody's records.
pub(super) async fn forget(database: &impl Database, kept: Duration) -> Result<u64, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        let dropped = match transaction.connection() {
            Connection::Postgres(connection) => drop_partitions(connection, kept).await?,
            Connection::Sqlite(_) => {
                let before = OffsetDateTime::now_utc().date() - kept;
                execute!(transaction, "delete from usage where occurred_on < $1", before)?
            }
        };
        transaction.commit().await?;
        Ok(dropped)
    })
    .await
}

async fn drop_partitions(connection: &mut PgConnection, kept: Duration) -> Result<u64, sqlx::Error> {
    const TODAY: &str = "select (clock_timestamp() at time zone 'utc')::date";
    alone(connection).await?;
    let today: Date = sqlx::query_scalar(TODAY).fetch_one(&mut *connection).await?;
    let before = today - kept;
    let mut dropped = 0;
    for name in partitions(connection).await? {
        let end = month_of(&name).and_then(next_month);
        if end.is_some_and(|end| end <= before) {
            sqlx::raw_sql(AssertSqlSafe(format!("drop table {name}")))
                .execute(&mut *connection)
                .await?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// Keeps others who make or drop partitions out, until the transaction ends.
async fn alone(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(LOCK_TIMEOUT).execute(&mut *connection).await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(MAKING)
        .execute(connection)
        .await
        .map(drop)
}

async fn partitions(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    const NAMES: &str = "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid \
         where i.inhparent = 'usage'::regclass order by 1";
    sqlx::query_scalar(NAMES).fetch_all(connection).await
}

fn name(month: Date) -> String {
    format!("usage_{:04}_{:02}", month.year(), u8::from(month.month()))
}

fn month_of(name: &str) -> Option<Date> {
    let (year, month) = name.strip_prefix("usage_")?.split_once('_')?;
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year.parse().ok()?, month, 1).ok()
}

fn first_of_month(day: Date) -> Date {
    day.replace_day(1).unwrap_or(day)
}

fn next_month(month: Date) -> Option<Date> {
    let year = match month.month() {
        Month::December => month.year().checked_add(1)?,
        _ => month.year(),
    };
    Date::from_calendar_date(year, month.month().next(), 1).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_partition_is_named_after_its_month_and_ends_with_it() {
        for (month, named, next) in [
            (date!(2026 - 02 - 01), "usage_2026_02", date!(2026 - 03 - 01)),
            (date!(2026 - 12 - 01), "usage_2026_12", date!(2027 - 01 - 01)),
        ] {
            assert_eq!(name(month), named);
            assert_eq!(month_of(named), Some(month));
            assert_eq!(next_month(month), Some(next));
        }
        for other in ["usage", "usage_2026", "usage_2026_13", "users_2026_02"] {
            assert_eq!(month_of(other), None, "{other}");
        }
        assert_eq!(first_of_month(date!(2026 - 02 - 28)), date!(2026 - 02 - 01));
    }
}
