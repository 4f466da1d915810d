use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Database, Transaction, api_keys, audit_log, call,
    connection::{execute, fetch_all, fetch_locked, fetch_optional},
    invites, revocations, sessions,
    timestamp::Timestamp,
    transaction, usage,
};
use crate::{
    domain::{Email, Role, UserId},
    store::{
        AuditEntry, ChangeUser, CreateUser, Error, Page, TokenHash, User, UserChange, error::unreadable,
    },
};

#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    id: Uuid,
    email: String,
    password_hash: String,
    role: String,
    tier: String,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
}

impl TryFrom<UserRow> for User {
    type Error = Error;

    fn try_from(row: UserRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id.into(),
            email: row.email.parse().map_err(unreadable)?,
            password_hash: row.password_hash.into(),
            role: row.role.parse().map_err(unreadable)?,
            tier: row.tier.parse().map_err(unreadable)?,
            created_at: row.created_at.0,
            disabled_at: row.disabled_at.map(|at| at.0),
        })
    }
}

pub(super) const BY_ID: &str =
    "select id, email, password_hash, role, tier, created_at, disabled_at from users where id = $1";

const INSERT_IF_EMAIL_IS_NEW: &str = "insert into users (id, email, password_hash, role, tier, created_at, \
     disabled_at) values ($1, $2, $3, $4, $5, $6, $7) on conflict (email) do nothing";

const INSERT_IF_NEW: &str = "insert into users (id, email, password_hash, role, tier, created_at, \
     disabled_at) values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing";

pub(super) async fn create(
    database: &impl Database,
    user: &User,
    invite: Option<&TokenHash>,
    now: OffsetDateTime,
    audit: &AuditEntry,
) -> Result<CreateUser, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        if let Some(invite) = invite
            && !invites::use_up(&mut transaction, invite, now).await?
        {
            return Ok(CreateUser::InviteInvalid);
        }
        if !insert(&mut transaction, INSERT_IF_EMAIL_IS_NEW, user).await? {
            transaction.commit().await?;
            return Ok(CreateUser::EmailTaken);
        }
        audit_log::append(&mut transaction, audit).await?;
        transaction.commit().await?;
        Ok(CreateUser::Created)
    })
    .await
}

pub(super) async fn ensure(database: &impl Database, user: &User) -> Result<(), Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        insert(&mut transaction, INSERT_IF_NEW, user).await?;
        transaction.commit().await?;
        Ok(())
    })
    .await
}

async fn insert(transaction: &mut Transaction, sql: &'static str, user: &User) -> Result<bool, Error> {
    let inserted = execute!(
        transaction,
        sql,
        user.id.as_uuid(),
        user.email.as_str(),
        user.password_hash.expose_secret(),
        user.role.as_str(),
        user.tier.as_str(),
        Timestamp(user.created_at),
        user.disabled_at.map(Timestamp),
    )?;
    Ok(inserted == 1)
}

pub(super) async fn by_id(database: &impl Database, id: UserId) -> Result<Option<User>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let row = fetch_optional!(lease, UserRow, BY_ID, id.as_uuid())?;
        row.map(User::try_from).transpose()
    })
    .await
}

pub(super) async fn by_email(database: &impl Database, email: &Email) -> Result<Option<User>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let row = fetch_optional!(
            lease,
            UserRow,
            "select id, email, password_hash, role, tier, created_at, disabled_at from users where email = $1",
            email.as_str(),
        )?;
        row.map(User::try_from).transpose()
    })
    .await
}

pub(super) async fn list(database: &impl Database, page: Page<UserId>) -> Result<Vec<User>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(
            lease,
            UserRow,
            "select id, email, password_hash, role, tier, created_at, disabled_at from users \
             where id > $1 order by id limit $2",
            page.after.map_or(Uuid::nil(), UserId::as_uuid),
            i64::from(page.limit),
        )?;
        rows.into_iter().map(User::try_from).collect()
    })
    .await
}

pub(super) async fn rehash_password(
    database: &impl Database,
    id: UserId,
    old: &SecretString,
    new: &SecretString,
) -> Result<bool, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let changed = execute!(
            lease,
            "update users set password_hash = $3 where id = $1 and password_hash = $2",
            id.as_uuid(),
            old.expose_secret(),
            new.expose_secret(),
        )?;
        Ok(changed == 1)
    })
    .await
}

pub(super) async fn change(
    database: &impl Database,
    id: UserId,
    change: &UserChange,
    now: OffsetDateTime,
    revocation_expires_at: OffsetDateTime,
    audit: &AuditEntry,
) -> Result<ChangeUser, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        if change.takes_rights() && is_last_admin(&mut transaction, id).await? {
            return Ok(ChangeUser::LastAdmin);
        }
        let user = fetch_locked!(
            transaction,
            (String, String, Option<Timestamp>),
            "select role, tier, disabled_at from users where id = $1",
            id.as_uuid()
        )?;
        let Some((role, tier, disabled_at)) = user else {
            return Ok(ChangeUser::NoSuchUser);
        };
        let role: Role = role.parse().map_err(unreadable)?;
        let tier = tier.parse().map_err(unreadable)?;
        if change.is_there(role, &tier, disabled_at.is_some()) {
            return Ok(ChangeUser::Done(Vec::new()));
        }
        update(&mut transaction, id, change).await?;
        let mut ended = Vec::new();
        if change.ends_sessions() {
            ended = sessions::revoke_all_of(&mut transaction, id, now, revocation_expires_at).await?;
            revocations::add(&mut transaction, id.as_uuid(), revocation_expires_at).await?;
        }
        if let UserChange::Password { end_keys: true, .. } = change {
            ended.extend(api_keys::revoke_all_of(&mut transaction, id, now, revocation_expires_at).await?);
        }
        audit_log::commit_if(transaction, true, audit).await?;
        Ok(ChangeUser::Done(ended))
    })
    .await
}

/// Whether nobody else manages the service. The locks, which everybody takes in one order, keep two admins from taking
/// each other's rights at the same time.
async fn is_last_admin(transaction: &mut Transaction, id: UserId) -> Result<bool, Error> {
    let admins = fetch_all!(
        @ "select id from users where role = 'admin' and disabled_at is null order by id for update",
        "select id from users where role = 'admin' and disabled_at is null order by id",
        transaction,
        (Uuid,)
    )?;
    Ok(admins == [(id.as_uuid(),)])
}

async fn update(transaction: &mut Transaction, id: UserId, change: &UserChange) -> Result<(), Error> {
    match change {
        UserChange::Password { hash, .. } => execute!(
            transaction,
            "update users set password_hash = $2 where id = $1",
            id.as_uuid(),
            hash.expose_secret(),
        ),
        UserChange::Role(role) => execute!(
            transaction,
            "update users set role = $2 where id = $1",
            id.as_uuid(),
            role.as_str(),
        ),
        UserChange::Tier(tier) => execute!(
            transaction,
            "update users set tier = $2 where id = $1",
            id.as_uuid(),
            tier.as_str(),
        ),
        UserChange::Disabled(at) => execute!(
            transaction,
            "update users set disabled_at = $2 where id = $1",
            id.as_uuid(),
            at.map(Timestamp),
        ),
    }?;
    Ok(())
}

/// What is the user's own refers to them, and goes with them. The lock keeps new sessions and keys from coming in
/// between their revocation and the end.
pub(super) async fn erase(
    database: &impl Database,
    id: UserId,
    revocation_expires_at: OffsetDateTime,
    audit: &AuditEntry,
) -> Result<ChangeUser, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        usage::lock_against_appending(&mut transaction).await?;
        if is_last_admin(&mut transaction, id).await? {
            return Ok(ChangeUser::LastAdmin);
        }
        let user = fetch_locked!(
            transaction,
            (Uuid,),
            "select id from users where id = $1",
            id.as_uuid()
        )?;
        if user.is_none() {
            return Ok(ChangeUser::NoSuchUser);
        }
        let ended = fetch_all!(
            transaction,
            (Uuid,),
            "select id from sessions where user_id = $1 union all select id from api_keys where user_id = $1",
            id.as_uuid(),
        )?;
        let ended: Vec<Uuid> = ended.into_iter().map(|(id,)| id).collect();
        for id in &ended {
            revocations::add(&mut transaction, *id, revocation_expires_at).await?;
        }
        execute!(transaction, "delete from users where id = $1", id.as_uuid())?;
        usage::forget_whose(&mut transaction, id).await?;
        audit_log::commit_if(transaction, true, audit).await?;
        Ok(ChangeUser::Done(ended))
    })
    .await
}
