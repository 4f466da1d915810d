//! Revocations, which carry the database's own time: replicas' clocks differ, and what one stamps another must not miss.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Database, Transaction, call,
    connection::{execute, fetch_all},
    timestamp::Timestamp,
};
use crate::{
    domain::UserId,
    store::{Error, Revocation},
};

#[derive(sqlx::FromRow)]
struct RevocationRow {
    id: Uuid,
    revoked_at: Timestamp,
    expires_at: Timestamp,
}

impl From<RevocationRow> for Revocation {
    fn from(row: RevocationRow) -> Self {
        Self {
            id: row.id,
            revoked_at: row.revoked_at.0,
            expires_at: row.expires_at.0,
        }
    }
}

/// Words about a session or a key come once; a user can be changed again, and the last word counts.
pub(super) async fn add(
    transaction: &mut Transaction,
    id: Uuid,
    expires_at: OffsetDateTime,
) -> Result<(), Error> {
    execute!(
        @ "insert into revocations (id, revoked_at, expires_at) values ($1, clock_timestamp(), $2) \
         on conflict (id) do update set revoked_at = excluded.revoked_at, expires_at = excluded.expires_at",
        "insert into revocations (id, revoked_at, expires_at) \
         values ($1, cast(unixepoch('subsec') * 1000000 as integer), $2) \
         on conflict (id) do update set revoked_at = excluded.revoked_at, expires_at = excluded.expires_at",
        transaction,
        id,
        Timestamp(expires_at)
    )?;
    Ok(())
}

/// Ends all that a statement finds of a user's and says the ids of: `$1` is the user, `$2` the time.
pub(super) async fn end_all_of(
    transaction: &mut Transaction,
    ending: &'static str,
    user: UserId,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<Vec<Uuid>, Error> {
    let ended = fetch_all!(transaction, (Uuid,), ending, user.as_uuid(), Timestamp(now))?;
    for (id,) in &ended {
        add(transaction, *id, expires_at).await?;
    }
    Ok(ended.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn all(database: &impl Database) -> Result<Vec<Revocation>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(
            lease,
            RevocationRow,
            "select id, revoked_at, expires_at from revocations order by revoked_at, id",
        )?;
        Ok(rows.into_iter().map(Revocation::from).collect())
    })
    .await
}

pub(super) async fn latest(database: &impl Database, within: Duration) -> Result<Vec<Revocation>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(
            @ "select id, revoked_at, expires_at from revocations \
             where revoked_at >= clock_timestamp() - make_interval(secs => $1) order by revoked_at, id",
            "select id, revoked_at, expires_at from revocations \
             where revoked_at >= cast((unixepoch('subsec') - $1) * 1000000 as integer) order by revoked_at, id",
            lease,
            RevocationRow,
            within.as_secs_f64()
        )?;
        Ok(rows.into_iter().map(Revocation::from).collect())
    })
    .await
}
