use time::{Duration, OffsetDateTime};
use ultra_service::{
    domain::{Role, SessionId},
    store::{Revocation, Session, TokenHash, UserChange},
};

use super::{
    Fresh,
    samples::{another_admin, at, audit, begin, change, invite, password, session, user},
};

pub(super) async fn a_session_is_revoked_once(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let session = session(ada.id);
    begin(&store, &session, &TokenHash::of("token")).await;
    assert!(
        !store
            .revoke_session(SessionId::generate(), at(1), at(2))
            .await
            .unwrap()
    );
    assert!(store.revoke_session(session.id, at(1), at(2)).await.unwrap());
    assert!(!store.revoke_session(session.id, at(3), at(4)).await.unwrap());
    let revocations = store.revocations().await.unwrap();
    assert_eq!(revocations.len(), 1);
    let told = revocations[0];
    assert_eq!((told.id, told.expires_at), (session.id.as_uuid(), at(2)));
    let age = OffsetDateTime::now_utc() - told.revoked_at;
    assert!(age.abs() < Duration::minutes(1), "{age}");
}

pub(super) async fn a_change_of_a_user_ends_all_of_their_sessions_and_nobody_elses(fresh: Fresh) {
    let store = fresh.store().await;
    let (ada, bob) = (user("ada"), user("bob"));
    store.ensure_user(&ada).await.unwrap();
    store.ensure_user(&bob).await.unwrap();
    another_admin(&store).await;
    let mut sessions = Vec::new();
    for (index, owner) in [ada.id, ada.id, ada.id, bob.id].into_iter().enumerate() {
        let session = session(owner);
        begin(&store, &session, &TokenHash::of(&format!("token {index}"))).await;
        sessions.push(session.id);
    }
    store.revoke_session(sessions[0], at(1), at(900)).await.unwrap();

    let mut ended = change(&store, ada.id, &UserChange::Role(Role::Admin), 2).await;
    ended.sort_unstable();
    let mut expected = [sessions[1], sessions[2]];
    expected.sort_unstable();
    assert_eq!(ended, expected);
    let told = async || {
        let revocations = store.revocations().await.unwrap();
        let mut ids: Vec<_> = revocations.iter().map(|revocation| revocation.id).collect();
        ids.sort_unstable();
        ids
    };
    let mut expected = [
        sessions[0].as_uuid(),
        sessions[1].as_uuid(),
        sessions[2].as_uuid(),
        ada.id.as_uuid(),
    ];
    expected.sort_unstable();
    assert_eq!(told().await, expected);

    // Another change of the same user is told again, though nothing is left to end.
    let ended = change(&store, ada.id, &UserChange::Disabled(Some(at(3))), 3).await;
    assert_eq!(ended, []);
    assert_eq!(told().await, expected);
    let revocations = store.revocations().await.unwrap();
    assert_eq!(revocations.last().map(|last| last.id), Some(ada.id.as_uuid()));
}

pub(super) async fn revocations_are_told_by_the_databases_clock_in_their_order(fresh: Fresh) {
    const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let mut revoked = Vec::new();
    // Replicas whose clocks are hours apart.
    for hours in [0, 5, -5, 1, 0] {
        let session = session(ada.id);
        begin(&store, &session, &TokenHash::of(&format!("token {}", session.id))).await;
        let now = OffsetDateTime::now_utc() + Duration::hours(hours);
        store
            .revoke_session(session.id, now, now + Duration::DAY)
            .await
            .unwrap();
        // Where a clock does not tell two apart, their ids do, which grow.
        revoked.push(session.id.as_uuid());
    }
    let ids = |told: Vec<Revocation>| told.iter().map(|told| told.id).collect::<Vec<_>>();
    assert_eq!(ids(store.revocations().await.unwrap()), revoked);
    assert_eq!(ids(store.latest_revocations(HOUR).await.unwrap()), revoked);

    let old = if fresh.is_postgres() {
        "update revocations set revoked_at = clock_timestamp() - interval '2 hours' where id in \
         (select id from revocations order by revoked_at, id limit 2)"
    } else {
        "update revocations set revoked_at = cast((unixepoch() - 7200) * 1000000 as integer) where id in \
         (select id from revocations order by revoked_at, id limit 2)"
    };
    fresh.run(old).await;
    assert_eq!(ids(store.latest_revocations(HOUR).await.unwrap()), revoked[2..]);
    assert_eq!(store.revocations().await.unwrap().len(), revoked.len());
}

pub(super) async fn a_session_of_somebody_who_is_not_as_they_were_checked_is_not_begun(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    another_admin(&store).await;
    let token = TokenHash::of("token");
    let password = password("$argon2id$new");
    let role = UserChange::Role(Role::Admin);
    let disabled = UserChange::Disabled(Some(at(1)));
    for what in [password, role, disabled] {
        let checked = store.user(ada.id).await.unwrap().unwrap();
        change(&store, ada.id, &what, 1).await;
        let begun = store.create_session(&session(ada.id), &token, &checked).await;
        assert!(!begun.unwrap(), "{what:?}");
    }
    let locked_out = store.user(ada.id).await.unwrap().unwrap();
    for checked in [locked_out, user("nobody")] {
        let begun = store.create_session(&session(checked.id), &token, &checked).await;
        assert!(!begun.unwrap(), "{checked:?}");
    }
    assert_eq!(fresh.rows("sessions").await, 0);
}

pub(super) async fn a_login_and_a_change_at_once_leave_no_session_from_before(fresh: Fresh) {
    let store = fresh.store().await;
    for round in 0..10 {
        let ada = user(&format!("ada{round}"));
        store.ensure_user(&ada).await.unwrap();
        let session = session(ada.id);
        let token = TokenHash::of(&format!("token {round}"));
        let password = password("$argon2id$new");
        let (begun, ended) = tokio::join!(
            store.create_session(&session, &token, &ada),
            change(&store, ada.id, &password, 5),
        );
        let expected: &[SessionId] = if begun.unwrap() { &[session.id] } else { &[] };
        assert_eq!(ended, expected);
    }
}

pub(super) async fn a_session_whose_token_is_another_ones_is_not_begun(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let token = TokenHash::of("token");
    begin(&store, &session(ada.id), &token).await;
    let taken = store.create_session(&session(ada.id), &token, &ada).await;
    assert_eq!(taken.unwrap_err().class(), "refused");
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
        begin(&store, &session, &TokenHash::of(name)).await;
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
