use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Database, api_keys, audit_log, invites, refresh_tokens, revocations, sessions, users};
use crate::{
    domain::{ApiKeyId, Email, SessionId, UserId},
    store::{
        AccountStore, ApiKeyRecord, AuditEntry, ChangeUser, CreateUser, Error, Invite, Page, Revocation,
        Rotation, Session, TokenHash, User, UserChange,
    },
};

#[async_trait]
impl<D: Database> AccountStore for D {
    async fn create_user(
        &self,
        user: &User,
        invite: Option<&TokenHash>,
        now: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<CreateUser, Error> {
        users::create(self, user, invite, now, audit).await
    }

    async fn ensure_user(&self, user: &User) -> Result<(), Error> {
        users::ensure(self, user).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, Error> {
        users::by_id(self, id).await
    }

    async fn user_by_email(&self, email: &Email) -> Result<Option<User>, Error> {
        users::by_email(self, email).await
    }

    async fn users(&self, page: Page<UserId>) -> Result<Vec<User>, Error> {
        users::list(self, page).await
    }

    async fn rehash_password(
        &self,
        id: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<bool, Error> {
        users::rehash_password(self, id, old, new).await
    }

    async fn change_user(
        &self,
        id: UserId,
        change: &UserChange,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<ChangeUser, Error> {
        users::change(self, id, change, now, revocation_expires_at, audit).await
    }

    async fn erase_user(
        &self,
        id: UserId,
        revocation_expires_at: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<ChangeUser, Error> {
        users::erase(self, id, revocation_expires_at, audit).await
    }

    async fn create_session(
        &self,
        session: &Session,
        refresh: &TokenHash,
        checked: &User,
    ) -> Result<bool, Error> {
        sessions::create(self, session, refresh, checked).await
    }

    async fn rotate_refresh_token(
        &self,
        presented: &TokenHash,
        next: &TokenHash,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
    ) -> Result<Rotation, Error> {
        refresh_tokens::rotate(self, presented, next, now, revocation_expires_at).await
    }

    async fn session_of_refresh_token(&self, token: &TokenHash) -> Result<Option<SessionId>, Error> {
        refresh_tokens::session_of(self, token).await
    }

    async fn revoke_session(
        &self,
        id: SessionId,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
    ) -> Result<bool, Error> {
        sessions::revoke(self, id, now, revocation_expires_at).await
    }

    async fn revocations(&self) -> Result<Vec<Revocation>, Error> {
        revocations::all(self).await
    }

    async fn latest_revocations(&self, within: Duration) -> Result<Vec<Revocation>, Error> {
        revocations::latest(self, within).await
    }

    async fn create_api_key(
        &self,
        key: &ApiKeyRecord,
        most_live: u32,
        audit: &AuditEntry,
    ) -> Result<bool, Error> {
        api_keys::create(self, key, most_live, audit).await
    }

    async fn api_keys_of(&self, user: UserId) -> Result<Vec<ApiKeyRecord>, Error> {
        api_keys::of_user(self, user).await
    }

    async fn api_key_by_hash(&self, hash: &TokenHash) -> Result<Option<(ApiKeyRecord, User)>, Error> {
        api_keys::by_hash(self, hash).await
    }

    async fn revoke_api_key(
        &self,
        user: UserId,
        id: ApiKeyId,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<bool, Error> {
        api_keys::revoke(self, user, id, now, revocation_expires_at, audit).await
    }

    async fn touch_api_keys(&self, uses: &[(ApiKeyId, OffsetDateTime)]) -> Result<(), Error> {
        api_keys::touch(self, uses).await
    }

    async fn create_invite(&self, invite: &Invite, audit: &AuditEntry) -> Result<(), Error> {
        invites::create(self, invite, audit).await
    }

    async fn audit(&self, entry: &AuditEntry) -> Result<(), Error> {
        audit_log::add(self, entry).await
    }

    async fn audit_log(&self, page: Page<Uuid>) -> Result<Vec<AuditEntry>, Error> {
        audit_log::list(self, page).await
    }

    async fn forget_expired(&self, now: OffsetDateTime) -> Result<u64, Error> {
        sessions::forget_expired(self, now).await
    }
}
