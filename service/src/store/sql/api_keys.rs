use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Database, Transaction, audit_log, call,
    connection::{execute, fetch_all, fetch_locked, fetch_optional},
    revocations,
    timestamp::Timestamp,
    transaction,
    users::{self, UserRow},
};
use crate::{
    domain::{ApiKeyId, UserId},
    store::{ApiKeyRecord, AuditEntry, Error, TokenHash, User, error::unreadable},
};

/// How many uses are written down in one transaction.
const USES_AT_ONCE: usize = 200;

#[derive(sqlx::FromRow)]
struct ApiKeyRow {
    id: Uuid,
    user_id: Uuid,
    name: String,
    prefix: String,
    hash: Vec<u8>,
    scopes: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl TryFrom<ApiKeyRow> for ApiKeyRecord {
    type Error = Error;

    fn try_from(row: ApiKeyRow) -> Result<Self, Error> {
        let hash: [u8; 32] = row.hash.as_slice().try_into().map_err(unreadable)?;
        Ok(Self {
            id: row.id.into(),
            user: row.user_id.into(),
            name: row.name,
            prefix: row.prefix,
            hash: hash.into(),
            scopes: row.scopes.parse().map_err(unreadable)?,
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|at| at.0),
            last_used_at: row.last_used_at.map(|at| at.0),
            revoked_at: row.revoked_at.map(|at| at.0),
        })
    }
}

pub(super) async fn create(
    database: &impl Database,
    key: &ApiKeyRecord,
    most_live: u32,
    audit: &AuditEntry,
) -> Result<bool, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        // A user's keys are made one after the other, so that each sees those before it.
        fetch_locked!(
            transaction,
            (Uuid,),
            "select id from users where id = $1",
            key.user.as_uuid()
        )?;
        let live = fetch_optional!(
            transaction,
            (i64,),
            "select count(*) from api_keys where user_id = $1 and revoked_at is null \
             and (expires_at is null or expires_at > $2)",
            key.user.as_uuid(),
            Timestamp(key.created_at),
        )?;
        if live.is_some_and(|(live,)| live >= i64::from(most_live)) {
            return Ok(false);
        }
        execute!(
            transaction,
            "insert into api_keys (id, user_id, name, prefix, hash, scopes, created_at, expires_at, last_used_at, \
             revoked_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            key.id.as_uuid(),
            key.user.as_uuid(),
            key.name.as_str(),
            key.prefix.as_str(),
            key.hash.as_bytes(),
            key.scopes.to_string(),
            Timestamp(key.created_at),
            key.expires_at.map(Timestamp),
            key.last_used_at.map(Timestamp),
            key.revoked_at.map(Timestamp),
        )?;
        audit_log::commit_if(transaction, true, audit).await
    })
    .await
}

/// Ends all of a user's keys that have not ended, and says which.
pub(super) async fn revoke_all_of(
    transaction: &mut Transaction,
    user: UserId,
    now: OffsetDateTime,
    revocation_expires_at: OffsetDateTime,
) -> Result<Vec<Uuid>, Error> {
    const END: &str =
        "update api_keys set revoked_at = $2 where user_id = $1 and revoked_at is null returning id";
    revocations::end_all_of(transaction, END, user, now, revocation_expires_at).await
}

pub(super) async fn of_user(database: &impl Database, user: UserId) -> Result<Vec<ApiKeyRecord>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(
            lease,
            ApiKeyRow,
            "select id, user_id, name, prefix, hash, scopes, created_at, expires_at, last_used_at, revoked_at \
             from api_keys where user_id = $1 order by id",
            user.as_uuid(),
        )?;
        rows.into_iter().map(ApiKeyRecord::try_from).collect()
    })
    .await
}

pub(super) async fn by_hash(
    database: &impl Database,
    hash: &TokenHash,
) -> Result<Option<(ApiKeyRecord, User)>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let row = fetch_optional!(
            lease,
            ApiKeyRow,
            "select id, user_id, name, prefix, hash, scopes, created_at, expires_at, last_used_at, revoked_at \
             from api_keys where hash = $1",
            hash.as_bytes(),
        )?;
        let Some(row) = row else { return Ok(None) };
        let user = fetch_optional!(lease, UserRow, users::BY_ID, row.user_id)?;
        let Some(user) = user else { return Ok(None) };
        Ok(Some((row.try_into()?, user.try_into()?)))
    })
    .await
}

pub(super) async fn revoke(
    database: &impl Database,
    user: UserId,
    id: ApiKeyId,
    now: OffsetDateTime,
    revocation_expires_at: OffsetDateTime,
    audit: &AuditEntry,
) -> Result<bool, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        let revoked = execute!(
            transaction,
            "update api_keys set revoked_at = $3 where id = $1 and user_id = $2 and revoked_at is null",
            id.as_uuid(),
            user.as_uuid(),
            Timestamp(now),
        )?;
        if revoked == 1 {
            revocations::add(&mut transaction, id.as_uuid(), revocation_expires_at).await?;
        }
        audit_log::commit_if(transaction, revoked == 1, audit).await
    })
    .await
}

pub(super) async fn touch(
    database: &impl Database,
    uses: &[(ApiKeyId, OffsetDateTime)],
) -> Result<(), Error> {
    // Replicas that write the same keys down in the same order cannot wait for each other in a circle.
    let mut uses = uses.to_vec();
    uses.sort_unstable();
    for uses in uses.chunks(USES_AT_ONCE) {
        transaction(database, || async move {
            let mut transaction = database.begin().await?;
            for (id, at) in uses {
                execute!(
                    transaction,
                    "update api_keys set last_used_at = $2 \
                     where id = $1 and (last_used_at is null or last_used_at < $2)",
                    id.as_uuid(),
                    Timestamp(*at),
                )?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await?;
    }
    Ok(())
}
