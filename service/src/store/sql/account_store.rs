use async_trait::async_trait;
use secrecy::SecretString;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Database, api_keys, audit_log, invites, refresh_tokens, revocations, sessions, users};
use crate::{
    domain::{ApiKeyId, Email, Role, SessionId, UserId},
    store::{
        AccountStore, ApiKeyRecord, AuditEntry, CreateUser, Error, Invite, Page, Revocation, Rotation,
        Session, TokenHash, User,
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

    async fn set_password_hash(
        &self,
        id: UserId,
        hash: &SecretString,
        audit: &AuditEntry,
    ) -> Result<bool, Error> {
        users::set_password_hash(self, id, hash, audit).await
    }

    async fn rehash_password(
        &self,
        id: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<bool, Error> {
        users::rehash_password(self, id, old, new).await
    }

    async fn set_role(&self, id: UserId, role: Role, audit: &AuditEntry) -> Result<bool, Error> {
        users::set_role(self, id, role, audit).await
    }

    async fn set_disabled(
        &self,
        id: UserId,
        disabled_at: Option<OffsetDateTime>,
        audit: &AuditEntry,
    ) -> Result<bool, Error> {
        users::set_disabled(self, id, disabled_at, audit).await
    }

    async fn erase_user(
        &self,
        id: UserId,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<bool, Error> {
        users::erase(self, id, now, revocation_expires_at, audit).await
    }

    async fn create_session(&self, session: &Session, refresh: &TokenHash) -> Result<(), Error> {
        sessions::create(self, session, refresh).await
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

    async fn revoke_sessions_of(
        &self,
        user: UserId,
        except: Option<SessionId>,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
    ) -> Result<Vec<SessionId>, Error> {
        sessions::revoke_all_of(self, user, except, now, revocation_expires_at).await
    }

    async fn revocations_since(&self, since: OffsetDateTime) -> Result<Vec<Revocation>, Error> {
        revocations::since(self, since).await
    }

    async fn create_api_key(&self, key: &ApiKeyRecord, audit: &AuditEntry) -> Result<(), Error> {
        api_keys::create(self, key, audit).await
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

    async fn record(&self, audit: &AuditEntry) -> Result<(), Error> {
        audit_log::record(self, audit).await
    }

    async fn audit_log(&self, page: Page<Uuid>) -> Result<Vec<AuditEntry>, Error> {
        audit_log::list(self, page).await
    }

    async fn forget_expired(&self, now: OffsetDateTime) -> Result<u64, Error> {
        sessions::forget_expired(self, now).await
    }
}
