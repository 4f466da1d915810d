use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Database, Transaction, audit_log, call,
    connection::{execute, fetch_locked, fetch_optional},
    sessions,
    timestamp::Timestamp,
    transaction,
    users::{self, UserRow},
};
use crate::{
    domain::SessionId,
    store::{Actor, AuditEntry, Error, Rotation, Session, TokenHash, User},
};

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: Uuid,
    user_id: Uuid,
    created_at: Timestamp,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id.into(),
            user: row.user_id.into(),
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
        }
    }
}

pub(super) async fn add(
    transaction: &mut Transaction,
    session: SessionId,
    token: &TokenHash,
) -> Result<(), Error> {
    execute!(
        transaction,
        "insert into refresh_tokens (hash, session_id) values ($1, $2)",
        token.as_bytes(),
        session.as_uuid(),
    )?;
    Ok(())
}

pub(super) async fn rotate(
    database: &impl Database,
    presented: &TokenHash,
    next: &TokenHash,
    now: OffsetDateTime,
    revocation_expires_at: OffsetDateTime,
) -> Result<Rotation, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        // Whatever happens to a session happens one after the other; the token is read once nobody else can use it.
        let session = fetch_locked!(
            transaction,
            SessionRow,
            "select id, user_id, created_at, expires_at, revoked_at from sessions \
             where id = (select session_id from refresh_tokens where hash = $1)",
            presented.as_bytes(),
        )?;
        let Some(row) = session.filter(|session| session.expires_at.0 > now) else {
            return Ok(Rotation::Unknown);
        };
        let revoked = row.revoked_at.is_some();
        let session = Session::from(row);
        if !use_up(&mut transaction, presented, now).await? {
            let ended = sessions::revoke_in(&mut transaction, session.id, now, revocation_expires_at).await?;
            audit_log::commit_if(transaction, ended, &reuse(&session, now)).await?;
            return Ok(Rotation::Reused {
                session: session.id,
                user: session.user,
            });
        }
        let user = fetch_optional!(transaction, UserRow, users::BY_ID, session.user.as_uuid())?;
        let user = user.map(User::try_from).transpose()?;
        let Some(user) = user.filter(|user| !revoked && user.disabled_at.is_none()) else {
            return Ok(Rotation::Unknown);
        };
        add(&mut transaction, session.id, next).await?;
        transaction.commit().await?;
        Ok(Rotation::Rotated { session, user })
    })
    .await
}

/// The service itself does it, and to whom matters to whoever looks for a thief.
fn reuse(session: &Session, now: OffsetDateTime) -> AuditEntry {
    let actor = Actor::System("refresh".into());
    AuditEntry::new(now, actor, "session.revoked", session.id)
        .with_detail(json!({"reason": "refresh_token_reused", "user": session.user}))
}

/// Whether the token had not been used.
async fn use_up(
    transaction: &mut Transaction,
    token: &TokenHash,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let used = execute!(
        transaction,
        "update refresh_tokens set used_at = $2 where hash = $1 and used_at is null",
        token.as_bytes(),
        Timestamp(now),
    )?;
    Ok(used == 1)
}

pub(super) async fn session_of(
    database: &impl Database,
    token: &TokenHash,
) -> Result<Option<SessionId>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let row = fetch_optional!(
            lease,
            (Uuid,),
            "select session_id from refresh_tokens where hash = $1",
            token.as_bytes(),
        )?;
        Ok(row.map(|(id,)| id.into()))
    })
    .await
}
