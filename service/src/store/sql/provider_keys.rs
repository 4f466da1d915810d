use uuid::Uuid;

use super::{
    Database, audit_log, call,
    connection::{execute, fetch_all, fetch_optional},
    timestamp::Timestamp,
    transaction,
};
use crate::store::{AuditEntry, Error, Sealed, SealedProviderKey, WrappedKey, error::unreadable};

#[derive(sqlx::FromRow)]
struct ProviderKeyRow {
    id: Uuid,
    provider: String,
    value_nonce: Vec<u8>,
    value_ciphertext: Vec<u8>,
    master_id: String,
    key_nonce: Vec<u8>,
    key_ciphertext: Vec<u8>,
    created_at: Timestamp,
}

impl TryFrom<ProviderKeyRow> for SealedProviderKey {
    type Error = Error;

    fn try_from(row: ProviderKeyRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            provider: row.provider,
            value: sealed(&row.value_nonce, row.value_ciphertext)?,
            key: WrappedKey {
                master_id: row.master_id,
                sealed: sealed(&row.key_nonce, row.key_ciphertext)?,
            },
            created_at: row.created_at.0,
        })
    }
}

fn sealed(nonce: &[u8], ciphertext: Vec<u8>) -> Result<Sealed, Error> {
    Ok(Sealed {
        nonce: nonce.try_into().map_err(unreadable)?,
        ciphertext,
    })
}

pub(super) async fn put(
    database: &impl Database,
    key: &SealedProviderKey,
    audit: &AuditEntry,
) -> Result<(), Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        execute!(
            transaction,
            "insert into provider_keys (id, provider, value_nonce, value_ciphertext, master_id, key_nonce, \
             key_ciphertext, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8) \
             on conflict (provider) do update set id = excluded.id, value_nonce = excluded.value_nonce, \
             value_ciphertext = excluded.value_ciphertext, master_id = excluded.master_id, \
             key_nonce = excluded.key_nonce, key_ciphertext = excluded.key_ciphertext, \
             created_at = excluded.created_at",
            key.id,
            key.provider.as_str(),
            key.value.nonce.as_slice(),
            key.value.ciphertext.as_slice(),
            key.key.master_id.as_str(),
            key.key.sealed.nonce.as_slice(),
            key.key.sealed.ciphertext.as_slice(),
            Timestamp(key.created_at),
        )?;
        audit_log::commit_if(transaction, true, audit).await.map(drop)
    })
    .await
}

pub(super) async fn by_provider(
    database: &impl Database,
    provider: &str,
) -> Result<Option<SealedProviderKey>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let row = fetch_optional!(
            lease,
            ProviderKeyRow,
            "select id, provider, value_nonce, value_ciphertext, master_id, key_nonce, key_ciphertext, created_at \
             from provider_keys where provider = $1",
            provider,
        )?;
        row.map(SealedProviderKey::try_from).transpose()
    })
    .await
}

pub(super) async fn list(database: &impl Database) -> Result<Vec<SealedProviderKey>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(
            lease,
            ProviderKeyRow,
            "select id, provider, value_nonce, value_ciphertext, master_id, key_nonce, key_ciphertext, created_at \
             from provider_keys order by provider",
        )?;
        rows.into_iter().map(SealedProviderKey::try_from).collect()
    })
    .await
}

pub(super) async fn delete(
    database: &impl Database,
    provider: &str,
    audit: &AuditEntry,
) -> Result<bool, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        let deleted = execute!(
            transaction,
            "delete from provider_keys where provider = $1",
            provider
        )?;
        audit_log::commit_if(transaction, deleted == 1, audit).await
    })
    .await
}

pub(super) async fn not_under(
    database: &impl Database,
    master_id: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<SealedProviderKey>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(
            lease,
            ProviderKeyRow,
            "select id, provider, value_nonce, value_ciphertext, master_id, key_nonce, key_ciphertext, created_at \
             from provider_keys where master_id <> $1 and provider > $2 order by provider limit $3",
            master_id,
            after.unwrap_or_default(),
            i64::from(limit),
        )?;
        rows.into_iter().map(SealedProviderKey::try_from).collect()
    })
    .await
}

pub(super) async fn rewrap(
    database: &impl Database,
    id: Uuid,
    from: &WrappedKey,
    to: &WrappedKey,
) -> Result<bool, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rewrapped = execute!(
            lease,
            "update provider_keys set master_id = $5, key_nonce = $6, key_ciphertext = $7 \
             where id = $1 and master_id = $2 and key_nonce = $3 and key_ciphertext = $4",
            id,
            from.master_id.as_str(),
            from.sealed.nonce.as_slice(),
            from.sealed.ciphertext.as_slice(),
            to.master_id.as_str(),
            to.sealed.nonce.as_slice(),
            to.sealed.ciphertext.as_slice(),
        )?;
        Ok(rewrapped == 1)
    })
    .await
}

pub(super) async fn counts(database: &impl Database) -> Result<Vec<(String, u64)>, Error> {
    call(database, async {
        let mut lease = database.lease().await?;
        let rows = fetch_all!(
            lease,
            (String, i64),
            "select master_id, count(*) from provider_keys group by master_id order by master_id",
        )?;
        rows.into_iter()
            .map(|(id, count)| Ok((id, u64::try_from(count).map_err(unreadable)?)))
            .collect()
    })
    .await
}
