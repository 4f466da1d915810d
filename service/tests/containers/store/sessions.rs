use time::Duration;
use ultra_service::{
    domain::{SessionId, UserId},
    store::{Session, TokenHash},
};

use super::{
    Fresh,
    samples::{at, audit, invite, session, user},
};

pub(super) async fn a_session_is_revoked_once(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let session = session(ada.id);
    store
        .create_session(&session, &TokenHash::of("token"))
        .await
        .unwrap();
    assert!(
        !store
            .revoke_session(SessionId::generate(), at(1), at(2))
            .await
            .unwrap()
    );
    assert!(store.revoke_session(session.id, at(1), at(2)).await.unwrap());
    assert!(!store.revoke_session(session.id, at(3), at(4)).await.unwrap());
    let revocations = store.revocations_since(at(0)).await.unwrap();
    assert_eq!(revocations.len(), 1);
    assert_eq!(
        (
            revocations[0].id,
            revocations[0].revoked_at,
            revocations[0].expires_at
        ),
        (session.id.as_uuid(), at(1), at(2))
    );
}

pub(super) async fn all_sessions_of_a_user_but_one_are_revoked_and_nobody_elses(fresh: Fresh) {
    let store = fresh.store().await;
    let (ada, bob) = (user("ada"), user("bob"));
    store.ensure_user(&ada).await.unwrap();
    store.ensure_user(&bob).await.unwrap();
    let mut sessions = Vec::new();
    for (index, owner) in [ada.id, ada.id, ada.id, bob.id].into_iter().enumerate() {
        let session = session(owner);
        store
            .create_session(&session, &TokenHash::of(&format!("token {index}")))
            .await
            .unwrap();
        sessions.push(session.id);
    }
    store.revoke_session(sessions[0], at(1), at(900)).await.unwrap();

    let revoked = store
        .revoke_sessions_of(ada.id, Some(sessions[1]), at(2), at(900))
        .await;
    assert_eq!(revoked.unwrap(), [sessions[2]]);
    let revoked = store.revoke_sessions_of(ada.id, None, at(3), at(900)).await;
    assert_eq!(revoked.unwrap(), [sessions[1]]);
    let revoked = store.revoke_sessions_of(ada.id, None, at(4), at(900)).await;
    assert_eq!(revoked.unwrap(), []);
    let nobody = store
        .revoke_sessions_of(UserId::generate(), None, at(5), at(900))
        .await;
    assert_eq!(nobody.unwrap(), []);
    let revocations = store.revocations_since(at(0)).await.unwrap();
    let ids: Vec<_> = revocations.iter().map(|revocation| revocation.id).collect();
    assert_eq!(
        ids,
        [sessions[0], sessions[2], sessions[1]].map(SessionId::as_uuid)
    );
}

pub(super) async fn revocations_are_told_in_their_order_from_a_moment_on(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    // As text, a time with fewer decimals would come after a later one with more.
    let micros = [0, 70_000, 70_001, 700_000, 700_001, 1_000_000];
    let base = at(0).replace_nanosecond(0).unwrap();
    let mut revoked = Vec::new();
    for offset in micros {
        let session = session(ada.id);
        let token = TokenHash::of(&format!("token {offset}"));
        store.create_session(&session, &token).await.unwrap();
        revoked.push((session.id, base + Duration::microseconds(offset)));
    }
    for (id, at) in revoked.iter().rev() {
        store
            .revoke_session(*id, *at, *at + Duration::minutes(15))
            .await
            .unwrap();
    }
    for first in 0..revoked.len() {
        let told = store.revocations_since(revoked[first].1).await.unwrap();
        let told: Vec<_> = told
            .iter()
            .map(|revocation| (SessionId::from(revocation.id), revocation.revoked_at))
            .collect();
        assert_eq!(told, revoked[first..], "from {} on", revoked[first].1);
    }
    let later = base + Duration::microseconds(1_000_001);
    assert_eq!(store.revocations_since(later).await.unwrap(), []);
}

pub(super) async fn a_session_of_nobody_is_refused(fresh: Fresh) {
    let store = fresh.store().await;
    let error = store
        .create_session(&session(UserId::generate()), &TokenHash::of("token"))
        .await
        .unwrap_err();
    assert_eq!(error.class(), "refused");
    assert_eq!(fresh.rows("sessions").await, 0);
}

pub(super) async fn a_session_whose_token_is_another_ones_is_not_begun(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let token = TokenHash::of("token");
    store.create_session(&session(ada.id), &token).await.unwrap();
    store.create_session(&session(ada.id), &token).await.unwrap_err();
    assert_eq!(fresh.rows("sessions").await, 1);
}

pub(super) async fn what_has_expired_is_forgotten_and_the_rest_stays(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let day = 24 * 3_600;
    for (name, expires) in [("short", 10), ("long", day)] {
        let session = Session {
            expires_at: at(expires),
            ..session(ada.id)
        };
        store
            .create_session(&session, &TokenHash::of(name))
            .await
            .unwrap();
        store
            .revoke_session(session.id, at(1), at(expires))
            .await
            .unwrap();
        let invite = ultra_service::store::Invite {
            expires_at: at(expires),
            ..invite(ada.id, name)
        };
        store
            .create_invite(&invite, &audit("invite.created"))
            .await
            .unwrap();
    }
    let counts = async || {
        let mut counts = Vec::new();
        for table in ["sessions", "refresh_tokens", "revocations", "invites"] {
            counts.push(fresh.rows(table).await);
        }
        counts
    };
    assert_eq!(store.forget_expired(at(9)).await.unwrap(), 0);
    assert_eq!(counts().await, [2, 2, 2, 2]);
    assert_eq!(store.forget_expired(at(10)).await.unwrap(), 2);
    // An access token of an expired session may live on, and be revoked with it.
    assert_eq!(counts().await, [2, 2, 1, 1]);
    assert_eq!(store.forget_expired(at(10 + day)).await.unwrap(), 3);
    assert_eq!(counts().await, [1, 1, 0, 0]);
    assert!(store.user(ada.id).await.unwrap().is_some());
}
