use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;
use ultra_service::{
    domain::{SessionId, UserId},
    store::{Page, Rotation, Session, Store, TokenHash, UserChange},
};

use super::{
    Fresh,
    samples::{at, begin, change, session, user},
};

/// A user with a session whose first refresh token is `first`.
async fn logged_in(store: &Arc<dyn Store>) -> Session {
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let session = session(ada.id);
    begin(store, &session, &TokenHash::of("first")).await;
    session
}

async fn rotate(store: &Arc<dyn Store>, presented: &str, next: &str, seconds: i64) -> Rotation {
    let (presented, next) = (TokenHash::of(presented), TokenHash::of(next));
    store
        .rotate_refresh_token(&presented, &next, at(seconds), at(seconds + 900))
        .await
        .unwrap()
}

fn is_rotated(rotation: &Rotation) -> bool {
    matches!(rotation, Rotation::Rotated { .. })
}

fn is_unknown(rotation: &Rotation) -> bool {
    matches!(rotation, Rotation::Unknown)
}

fn reused(rotation: &Rotation) -> Option<(SessionId, UserId)> {
    match rotation {
        Rotation::Reused { session, user } => Some((*session, *user)),
        _ => None,
    }
}

pub(super) async fn a_token_is_followed_by_the_next_as_long_as_the_session_lasts(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = logged_in(&store).await;
    let mut presented = "first".to_owned();
    for round in 1..=5 {
        let next = format!("token {round}");
        match rotate(&store, &presented, &next, round * 10).await {
            Rotation::Rotated { session, user } => {
                assert_eq!(session, ada);
                assert_eq!(user.id, ada.user);
                assert_eq!(user.email.as_str(), "ada@example.com");
            }
            other => panic!("{other:?}"),
        }
        let known = store.session_of_refresh_token(&TokenHash::of(&next)).await;
        assert_eq!(known.unwrap(), Some(ada.id));
        presented = next;
    }
    assert!(is_rotated(&rotate(&store, &presented, "last", 3_599).await));
    assert!(is_unknown(&rotate(&store, "last", "too late", 3_600).await));
    let unknown = store.session_of_refresh_token(&TokenHash::of("too late")).await;
    assert_eq!(unknown.unwrap(), None);
}

pub(super) async fn a_token_that_was_used_before_ends_its_session_and_no_other(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = logged_in(&store).await;
    let other = session(ada.user);
    begin(&store, &other, &TokenHash::of("other")).await;
    assert!(is_rotated(&rotate(&store, "first", "second", 10).await));
    assert!(is_rotated(&rotate(&store, "second", "third", 20).await));
    assert_eq!(
        reused(&rotate(&store, "first", "stolen", 30).await),
        Some((ada.id, ada.user))
    );
    assert!(
        is_unknown(&rotate(&store, "third", "fourth", 40).await),
        "the session is over"
    );
    assert!(is_unknown(&rotate(&store, "stolen", "more", 40).await));
    let again = rotate(&store, "first", "stolen", 50).await;
    assert_eq!(reused(&again), Some((ada.id, ada.user)), "and again");
    let revocations = store.revocations().await.unwrap();
    assert_eq!(revocations.len(), 1, "revoked once");
    let page = Page {
        after: None,
        limit: 10,
    };
    let log = store.audit_log(page).await.unwrap();
    let [entry] = log.as_slice() else {
        panic!("{log:?}")
    };
    assert_eq!(
        (entry.action.as_str(), entry.subject.as_str()),
        ("session.revoked", ada.id.to_string().as_str())
    );
    let detail = json!({"reason": "refresh_token_reused", "user": ada.user});
    assert_eq!(entry.detail, detail);
    assert_eq!(
        (revocations[0].id, revocations[0].expires_at),
        (ada.id.as_uuid(), at(930))
    );
    assert!(is_rotated(&rotate(&store, "other", "next", 60).await));
}

pub(super) async fn of_twenty_uses_at_once_exactly_one_rotates_and_the_others_end_the_session(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = logged_in(&store).await;
    for round in 0..5 {
        let session = Session {
            id: SessionId::generate(),
            ..ada.clone()
        };
        let token = format!("contested {round}");
        begin(&store, &session, &TokenHash::of(&token)).await;
        let tasks = (0..20).map(|index| {
            let (store, token) = (Arc::clone(&store), token.clone());
            tokio::spawn(async move {
                let next = format!("{token}, next of {index}");
                (rotate(&store, &token, &next, 10).await, next)
            })
        });
        let results: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        let (rotated, others): (Vec<_>, Vec<_>) = results.iter().partition(|(result, _)| is_rotated(result));
        assert_eq!(rotated.len(), 1, "{results:?}");
        for (result, _) in others {
            assert_eq!(reused(result), Some((session.id, ada.user)));
        }
        for (_, next) in &results {
            let late = rotate(&store, next, "after all", 20).await;
            assert!(is_unknown(&late), "{late:?}");
        }
        let revocations = store.revocations().await.unwrap();
        assert_eq!(revocations.len(), round + 1);
    }
}

pub(super) async fn a_token_of_a_revoked_session_a_disabled_user_or_nobody_is_unknown_and_not_used_up(
    fresh: Fresh,
) {
    let store = fresh.store().await;
    let ada = logged_in(&store).await;
    assert!(is_unknown(&rotate(&store, "never issued", "next", 10).await));

    let disabled = UserChange::Disabled(Some(at(10)));
    assert_eq!(change(&store, ada.user, &disabled, 10).await, [ada.id]);
    assert!(is_unknown(&rotate(&store, "first", "next", 11).await));
    change(&store, ada.user, &UserChange::Disabled(None), 11).await;
    assert!(is_unknown(&rotate(&store, "first", "next", 12).await));

    let ada = session(ada.user);
    begin(&store, &ada, &TokenHash::of("again")).await;
    assert!(is_rotated(&rotate(&store, "again", "second", 12).await));
    assert!(store.revoke_session(ada.id, at(13), at(900)).await.unwrap());
    assert!(is_unknown(&rotate(&store, "second", "third", 14).await));
    let third = store.session_of_refresh_token(&TokenHash::of("third")).await;
    assert_eq!(third.unwrap(), None);
}

pub(super) async fn rotating_and_revoking_at_once_leaves_no_token_that_works(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = logged_in(&store).await;
    for round in 0..10 {
        let session = Session {
            id: SessionId::generate(),
            ..ada.clone()
        };
        let token = format!("contested {round}");
        let next = format!("next {round}");
        begin(&store, &session, &TokenHash::of(&token)).await;
        let (_, revoked) = tokio::join!(
            rotate(&store, &token, &next, 10),
            store.revoke_session(session.id, at(10), at(900)),
        );
        assert!(revoked.unwrap());
        for token in [&token, &next] {
            assert!(!is_rotated(&rotate(&store, token, "after all", 20).await));
        }
    }
}
