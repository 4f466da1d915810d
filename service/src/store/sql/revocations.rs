use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Database, Transaction, call,
    connection::{execute, fetch_all},
    timestamp::Timestamp,
};
use crate::store::{Error, Revocation};

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
pub(super) async fn add(transaction: &mut Transaction, revocation: Revocation) -> Result<(), Error> {
    execute!(
        transaction,
        "insert into revocations (id, revoked_at, expires_at) values ($1, $2, $3) on conflict (id) do update \
         set revoked_at = excluded.revoked_at, expires_at = excluded.expires_at",
        revocation.id,
        Timestamp(revocation.revoked_at),
        Timestamp(revocation.expires_at),
    )?;
    Ok(())
}

pub(super) async fn since(database: &impl Database, since: OffsetDateTime) -> Result<Vec<Revocation>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(
            lease,
            RevocationRow,
            "select id, revoked_at, expires_at from revocations where revoked_at >= $1 order by revoked_at, id",
            Timestamp(since),
        )?;
        Ok(rows.into_iter().map(Revocation::from).collect())
    })
    .await
}
