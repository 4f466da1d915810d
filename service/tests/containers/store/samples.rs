use std::sync::Arc;

use secrecy::SecretString;
use time::{Duration, OffsetDateTime, macros::datetime};
use ultra_service::{
    domain::{ApiKeyId, Role, Scope, SessionId, TierName, UserId},
    store::{
        Actor, ApiKeyRecord, AuditEntry, ChangeUser, Invite, Session, Store, TokenHash, User, UserChange,
    },
};

/// So many seconds after the beginning of a test's time, which has microseconds as real times have.
pub(super) fn at(seconds: i64) -> OffsetDateTime {
    datetime!(2026-02-03 04:05:06.789012 UTC) + Duration::seconds(seconds)
}

pub(super) fn user(name: &str) -> User {
    User {
        id: UserId::generate(),
        email: format!("{name}@example.com").parse().unwrap(),
        password_hash: SecretString::from(format!("$argon2id$v=19$m=8,t=1,p=1${name}$hash")),
        role: Role::User,
        tier: TierName::default(),
        created_at: at(0),
        disabled_at: None,
    }
}

/// Lasts an hour.
pub(super) fn session(user: UserId) -> Session {
    Session {
        id: SessionId::generate(),
        user,
        created_at: at(0),
        expires_at: at(3_600),
    }
}

/// Begins a session of its user as they are.
pub(super) async fn begin(store: &Arc<dyn Store>, session: &Session, refresh: &TokenHash) {
    let checked = store.user(session.user).await.unwrap().unwrap();
    let begun = store.create_session(session, refresh, &checked).await;
    assert!(begun.unwrap());
}

/// One more who manages the service, so that it does not depend on those whom a test changes.
pub(super) async fn another_admin(store: &Arc<dyn Store>) {
    let admin = User {
        role: Role::Admin,
        ..user("another-admin")
    };
    store.ensure_user(&admin).await.unwrap();
}

/// Another password, whatever keys there are.
pub(super) fn password(hash: &str) -> UserChange {
    UserChange::Password {
        hash: SecretString::from(hash),
        end_keys: false,
    }
}

/// More keys than any test makes.
pub(super) const MANY_KEYS: u32 = 1_000;

/// Changes a user who is there, and says which sessions ended.
pub(super) async fn change(
    store: &Arc<dyn Store>,
    user: UserId,
    change: &UserChange,
    seconds: i64,
) -> Vec<SessionId> {
    let audit = audit("user.changed");
    let changed = store
        .change_user(user, change, at(seconds), at(900), &audit)
        .await;
    match changed.unwrap() {
        ChangeUser::Done(ended) => ended.into_iter().map(SessionId::from).collect(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn api_key(user: UserId, token: &str) -> ApiKeyRecord {
    ApiKeyRecord {
        id: ApiKeyId::generate(),
        user,
        name: "laptop ⌨".to_owned(),
        prefix: "uk_1234".to_owned(),
        hash: TokenHash::of(token),
        scopes: [Scope::Inference, Scope::History].into_iter().collect(),
        created_at: at(0),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

pub(super) fn invite(by: UserId, token: &str) -> Invite {
    Invite {
        hash: TokenHash::of(token),
        created_by: by,
        created_at: at(0),
        expires_at: at(60),
    }
}

pub(super) fn audit(action: &str) -> AuditEntry {
    AuditEntry::new(at(0), Actor::System("test".into()), action, "subject")
}
