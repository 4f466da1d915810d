use time::OffsetDateTime;

use super::{Database, Transaction, audit_log, connection::execute, timestamp::Timestamp, transaction};
use crate::store::{AuditEntry, Error, Invite, TokenHash};

pub(super) async fn create(
    database: &impl Database,
    invite: &Invite,
    audit: &AuditEntry,
) -> Result<(), Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        execute!(
            transaction,
            "insert into invites (hash, created_by, created_at, expires_at) values ($1, $2, $3, $4)",
            invite.hash.as_bytes(),
            invite.created_by.as_uuid(),
            Timestamp(invite.created_at),
            Timestamp(invite.expires_at),
        )?;
        audit_log::commit_if(transaction, true, audit).await.map(drop)
    })
    .await
}

/// Whether the invite was good, and who gave it may still do so. It is gone afterwards.
pub(super) async fn use_up(
    transaction: &mut Transaction,
    invite: &TokenHash,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let used = execute!(
        transaction,
        "delete from invites where hash = $1 and expires_at > $2 and exists \
         (select 1 from users where id = created_by and role = 'admin' and disabled_at is null)",
        invite.as_bytes(),
        Timestamp(now),
    )?;
    Ok(used == 1)
}
