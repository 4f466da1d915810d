use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    Database, Transaction, call,
    connection::{execute, fetch_all},
    refresh_tokens, revocations,
    timestamp::Timestamp,
    transaction,
};
use crate::{
    domain::{SessionId, UserId},
    store::{Error, Revocation, Session, TokenHash},
};

/// How long an expired session is kept, so that it can be revoked as long as an access token of it may live.
const KEPT: Duration = Duration::hours(24);

pub(super) async fn create(
    database: &impl Database,
    session: &Session,
    refresh: &TokenHash,
) -> Result<(), Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
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
        Ok(())
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
        let revocation = Revocation {
            id: id.as_uuid(),
            revoked_at: now,
            expires_at: revocation_expires_at,
        };
        revocations::add(transaction, revocation).await?;
    }
    Ok(revoked == 1)
}

pub(super) async fn revoke_all_of(
    database: &impl Database,
    user: UserId,
    except: Option<SessionId>,
    now: OffsetDateTime,
    revocation_expires_at: OffsetDateTime,
) -> Result<Vec<SessionId>, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        let revoked = fetch_all!(
            transaction,
            (Uuid,),
            "update sessions set revoked_at = $2 \
             where user_id = $1 and revoked_at is null and id <> $3 returning id",
            user.as_uuid(),
            Timestamp(now),
            except.map_or(Uuid::nil(), SessionId::as_uuid),
        )?;
        for (id,) in &revoked {
            let revocation = Revocation {
                id: *id,
                revoked_at: now,
                expires_at: revocation_expires_at,
            };
            revocations::add(&mut transaction, revocation).await?;
        }
        transaction.commit().await?;
        Ok(revoked.into_iter().map(|(id,)| id.into()).collect())
    })
    .await
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
        Ok(sessions + revocations + invites)
    })
    .await
}
