use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Error,
    records::{
        ApiKeyRecord, AuditEntry, ChangeUser, CreateUser, Invite, Page, Revocation, Rotation, Session,
        TokenHash, User, UserChange,
    },
};
use crate::domain::{ApiKeyId, Email, SessionId, UserId};

/// Users, and what they prove themselves with.
///
/// What takes an [`AuditEntry`] writes it in the transaction of the change, and only where something did change. Each
/// `revocation_expires_at` is when the last token expires that could have been issued until now.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Adds a user. An invite is used up with it or not at all.
    async fn create_user(
        &self,
        user: &User,
        invite: Option<&TokenHash>,
        now: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<CreateUser, Error>;

    /// Adds a user; does nothing where there is one with this id or address.
    async fn ensure_user(&self, user: &User) -> Result<(), Error>;

    /// Finds a user.
    async fn user(&self, id: UserId) -> Result<Option<User>, Error>;

    /// Finds the user with this address.
    async fn user_by_email(&self, email: &Email) -> Result<Option<User>, Error>;

    /// All users by id: in the order in which they were made.
    async fn users(&self, page: Page<UserId>) -> Result<Vec<User>, Error>;

    /// Keeps the same password under a stronger hash: the one at `old` only, so that a password that was changed in
    /// the meantime is not undone. Says whether it was there.
    async fn rehash_password(
        &self,
        id: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<bool, Error>;

    /// Changes a user, ends all of their sessions where they may do something else now, and revokes what is remembered
    /// of them, at once or not at all. Where the user is so already, nothing happens.
    async fn change_user(
        &self,
        id: UserId,
        change: &UserChange,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<ChangeUser, Error>;

    /// Removes a user with all that is theirs: sessions, refresh tokens, keys, invites and analyses. Their sessions
    /// and keys are revoked. Audit entries stay, and what they used, as nobody's in particular.
    async fn erase_user(
        &self,
        id: UserId,
        revocation_expires_at: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<ChangeUser, Error>;

    /// Begins a session with its first refresh token, where the user's password, role and admission are still those
    /// that were checked. Says whether they were.
    async fn create_session(
        &self,
        session: &Session,
        refresh: &TokenHash,
        checked: &User,
    ) -> Result<bool, Error>;

    /// Uses a refresh token up and puts the next one in its place. Of calls in parallel with one token exactly one
    /// rotates it; the others count as reuse, which revokes the session in the same transaction, and is audited.
    async fn rotate_refresh_token(
        &self,
        presented: &TokenHash,
        next: &TokenHash,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
    ) -> Result<Rotation, Error>;

    /// The session that a refresh token belongs to, whether the token is good or not.
    async fn session_of_refresh_token(&self, token: &TokenHash) -> Result<Option<SessionId>, Error>;

    /// Ends a session. Says whether it was under way.
    async fn revoke_session(
        &self,
        id: SessionId,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
    ) -> Result<bool, Error>;

    /// Everything that is revoked, oldest first.
    async fn revocations(&self) -> Result<Vec<Revocation>, Error>;

    /// What was revoked in the last so many seconds by the database's clock, oldest first.
    async fn latest_revocations(&self, within: Duration) -> Result<Vec<Revocation>, Error>;

    /// Adds an API key, unless its user has so many already that have neither ended nor been revoked when it is made,
    /// however many are added at once. Says whether it was added.
    async fn create_api_key(
        &self,
        key: &ApiKeyRecord,
        most_live: u32,
        audit: &AuditEntry,
    ) -> Result<bool, Error>;

    /// A user's keys, oldest first, with those that are revoked or expired.
    async fn api_keys_of(&self, user: UserId) -> Result<Vec<ApiKeyRecord>, Error>;

    /// The key with this hash and its user, whether they are good or not.
    async fn api_key_by_hash(&self, hash: &TokenHash) -> Result<Option<(ApiKeyRecord, User)>, Error>;

    /// Ends a key of this user. Says whether there was one that had not been revoked.
    async fn revoke_api_key(
        &self,
        user: UserId,
        id: ApiKeyId,
        now: OffsetDateTime,
        revocation_expires_at: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<bool, Error>;

    /// Notes when keys were used. An older time than the one that is known changes nothing.
    async fn touch_api_keys(&self, uses: &[(ApiKeyId, OffsetDateTime)]) -> Result<(), Error>;

    /// Adds an invite.
    async fn create_invite(&self, invite: &Invite, audit: &AuditEntry) -> Result<(), Error>;

    /// Writes down what was done to something that is not kept here.
    async fn audit(&self, entry: &AuditEntry) -> Result<(), Error>;

    /// Who changed what, newest first.
    async fn audit_log(&self, page: Page<Uuid>) -> Result<Vec<AuditEntry>, Error>;

    /// Removes sessions with their refresh tokens, revocations, invites and answers to idempotency keys that have
    /// expired. Says how many.
    async fn forget_expired(&self, now: OffsetDateTime) -> Result<u64, Error>;
}
