use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Database, Transaction, call,
    connection::{execute, fetch_all},
    timestamp::Timestamp,
    transaction,
};
use crate::store::{AuditEntry, Error, Page, error::unreadable};

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: Uuid,
    at: Timestamp,
    actor: String,
    action: String,
    subject: String,
    detail: Json<Value>,
}

impl TryFrom<EntryRow> for AuditEntry {
    type Error = Error;

    fn try_from(row: EntryRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            at: row.at.0,
            actor: row.actor.parse().map_err(unreadable)?,
            action: row.action,
            subject: row.subject,
            detail: row.detail.0,
        })
    }
}

pub(super) async fn add(database: &impl Database, entry: &AuditEntry) -> Result<(), Error> {
    transaction(database, || async move {
        let transaction = database.begin().await?;
        commit_if(transaction, true, entry).await.map(drop)
    })
    .await
}

pub(super) async fn append(transaction: &mut Transaction, entry: &AuditEntry) -> Result<(), Error> {
    execute!(
        transaction,
        "insert into audit_log (id, at, actor, action, subject, detail) values ($1, $2, $3, $4, $5, $6)",
        entry.id,
        Timestamp(entry.at),
        entry.actor.to_string(),
        entry.action.as_str(),
        entry.subject.as_str(),
        Json(&entry.detail),
    )?;
    Ok(())
}

/// Ends a transaction: with an entry where it changed something, else as if it had not been.
pub(super) async fn commit_if(
    mut transaction: Transaction,
    changed: bool,
    entry: &AuditEntry,
) -> Result<bool, Error> {
    if changed {
        append(&mut transaction, entry).await?;
        transaction.commit().await?;
    }
    Ok(changed)
}

pub(super) async fn list(database: &impl Database, page: Page<Uuid>) -> Result<Vec<AuditEntry>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(
            lease,
            EntryRow,
            "select id, at, actor, action, subject, detail from audit_log \
             where id < $1 order by id desc limit $2",
            page.after.unwrap_or(Uuid::max()),
            i64::from(page.limit),
        )?;
        rows.into_iter().map(AuditEntry::try_from).collect()
    })
    .await
}
