use secrecy::ExposeSecret as _;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    Database, Transaction, call,
    connection::{execute, fetch_locked},
    refresh_tokens, revocations,
    timestamp::Timestamp,
    transaction,
};
use crate::{
    domain::{SessionId, UserId},
    store::{Error, Session, TokenHash, User},
};

/// How long an expired session is kept, so that it can be revoked as long as an access token of it may live.
const KEPT: Duration = Duration::hours(24);

/// The lock keeps a change of the user, which ends their sessions, from coming in between the look and the session.
pub(super) async fn create(
    database: &impl Database,
    session: &Session,
    refresh: &TokenHash,
    checked: &User,
) -> Result<bool, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        let unchanged = fetch_locked!(
            transaction,
            (Uuid,),
            "select id from users where id = $1 and password_hash = $2 and role = $3 and disabled_at is null",
            checked.id.as_uuid(),
            checked.password_hash.expose_secret(),
            checked.role.as_str(),
        )?;
        if unchanged.is_none() {
            return Ok(false);
        }
        execute!(
            transaction,
            "insert into sessions (id, user_id, created_at, expires_at) values ($1, $2, $3, $4)",
            session.id.as_uuid(),
            session.user.as_uuid(),
            Timestamp(session.created_at),
            Timestamp(session.expires_at),
        )?;
        refresh_tokens::add(&mut transaction, session.id, refresh).await?;
        transaction.commit().await?;
        Ok(true)
    })
    .await
}

pub(super) async fn revoke(
    database: &impl Database,
    id: SessionId,
    now: OffsetDateTime,
    revocation_expires_at: OffsetDateTime,
) -> Result<bool, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        let revoked = revoke_in(&mut transaction, id, now, revocation_expires_at).await?;
        transaction.commit().await?;
        Ok(revoked)
    })
    .await
}

pub(super) async fn revoke_in(
    transaction: &mut Transaction,
    id: SessionId,
    now: OffsetDateTime,
    revocation_expires_at: OffsetDateTime,
) -> Result<bool, Error> {
    let revoked = execute!(
        transaction,
        "update sessions set revoked_at = $2 where id = $1 and revoked_at is null",
        id.as_uuid(),
        Timestamp(now),
    )?;
    if revoked == 1 {
        revocations::add(transaction, id.as_uuid(), revocation_expires_at).await?;
    }
    Ok(revoked == 1)
}

pub(super) async fn revoke_all_of(
    transaction: &mut Transaction,
    user: UserId,
    now: OffsetDateTime,
    revocation_expires_at: OffsetDateTime,
) -> Result<Vec<Uuid>, Error> {
    const END: &str =
        "update sessions set revoked_at = $2 where user_id = $1 and revoked_at is null returning id";
    revocations::end_all_of(transaction, END, user, now, revocation_expires_at).await
}

/// Refresh tokens go with their sessions.
pub(super) async fn forget_expired(database: &impl Database, now: OffsetDateTime) -> Result<u64, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let sessions = execute!(
            lease,
            "delete from sessions where expires_at <= $1",
            Timestamp(now - KEPT)
        )?;
        let revocations = execute!(
            lease,
            "delete from revocations where expires_at <= $1",
            Timestamp(now)
        )?;
        let invites = execute!(
            lease,
            "delete from invites where expires_at <= $1",
            Timestamp(now)
        )?;
        let answers = execute!(
            lease,
            "delete from idempotency where expires_at <= $1",
            Timestamp(now)
        )?;
        Ok(sessions + revocations + invites + answers)
    })
    .await
}
