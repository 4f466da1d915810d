use std::{collections::BTreeMap, sync::Arc};

use ultra_service::{
    analyses::Analysis,
    domain::{Account, AnalysisId, ApiKeyId, SessionId, UserId},
    store::{ChangeUser, Once, Page, Rotation, Store, TokenHash, User},
};

use super::{
    Fresh,
    analyses::analysis,
    idempotency::claim,
    samples::{MANY_KEYS, api_key, at, audit, begin, invite, session, user},
    usage::record,
};

/// Something of everything that a user can have.
async fn settle(store: &Arc<dyn Store>, name: &str) -> (User, SessionId, ApiKeyId) {
    let user = user(name);
    store.ensure_user(&user).await.unwrap();
    let session = session(user.id);
    let token = |what: &str| TokenHash::of(&format!("{what} of {name}"));
    begin(store, &session, &token("refresh")).await;
    store
        .rotate_refresh_token(&token("refresh"), &token("second"), at(1), at(900))
        .await
        .unwrap();
    let key = api_key(user.id, &format!("key of {name}"));
    store
        .create_api_key(&key, MANY_KEYS, &audit("api_key.created"))
        .await
        .unwrap();
    store
        .create_invite(
            &invite(user.id, &format!("invite of {name}")),
            &audit("invite.created"),
        )
        .await
        .unwrap();
    let analysis = Analysis {
        id: AnalysisId::generate(),
        ..analysis()
    };
    store
        .save_analysis(&analysis, Account::User(user.id))
        .await
        .unwrap();
    let used = record(Account::User(user.id));
    store.append_usage(&[used]).await.unwrap();
    let once = claim(Account::User(user.id), name, 0);
    assert_eq!(store.claim_once(&once).await.unwrap(), Once::Claimed);
    (user, session.id, key.id)
}

async fn rows(fresh: &Fresh) -> BTreeMap<String, u64> {
    let mut rows = BTreeMap::new();
    for table in fresh.tables().await {
        rows.insert(table.clone(), fresh.rows(&table).await);
    }
    rows
}

pub(super) async fn an_erased_user_leaves_nothing_but_revocations_and_the_audit_log(fresh: Fresh) {
    let store = fresh.store().await;
    settle(&store, "bob").await;
    store
        .save_analysis(&analysis(), Account::Anonymous)
        .await
        .unwrap();
    let before = rows(&fresh).await;
    let (ada, session, key) = settle(&store, "ada").await;

    let erased = store.erase_user(ada.id, at(900), &audit("user.erased")).await;
    let ChangeUser::Done(mut erased) = erased.unwrap() else {
        panic!("nobody was erased");
    };
    erased.sort_unstable();
    let mut ended = [session.as_uuid(), key.as_uuid()];
    ended.sort_unstable();
    assert_eq!(erased, ended);

    let mut expected = before.clone();
    expected.insert("revocations".to_owned(), 2);
    expected.insert("audit_log".to_owned(), before["audit_log"] + 3);
    // What was used has to be paid, whoever it was.
    expected.insert("usage".to_owned(), before["usage"] + 1);
    assert_eq!(rows(&fresh).await, expected);
    // Every table is known here: what is new has to be thought of.
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        [
            "analyses",
            "api_keys",
            "audit_log",
            "idempotency",
            "invites",
            "provider_keys",
            "refresh_tokens",
            "revocations",
            "sessions",
            "usage",
            "users"
        ]
    );
    assert!(store.user_by_email(&ada.email).await.unwrap().is_none());
    let log = store
        .audit_log(Page {
            after: None,
            limit: 100,
        })
        .await
        .unwrap();
    assert!(!format!("{log:?}").contains("ada"), "an address stays in {log:?}");
    let mut revoked: Vec<_> = store
        .revocations()
        .await
        .unwrap()
        .iter()
        .map(|revocation| (revocation.id, revocation.expires_at))
        .collect();
    revoked.sort_unstable();
    assert_eq!(revoked, ended.map(|id| (id, at(900))));
}

pub(super) async fn nobody_is_erased_twice_or_without_having_been_there(fresh: Fresh) {
    let store = fresh.store().await;
    let (ada, _, _) = settle(&store, "ada").await;
    let before = fresh.rows("audit_log").await;
    for (id, there) in [(UserId::generate(), false), (ada.id, true), (ada.id, false)] {
        let erased = store.erase_user(id, at(900), &audit("user.erased")).await;
        assert_eq!(matches!(erased.unwrap(), ChangeUser::Done(_)), there);
    }
    assert_eq!(fresh.rows("audit_log").await, before + 1);
    store.ensure_user(&user("ada")).await.unwrap();
    assert_eq!(fresh.rows("users").await, 1, "the address is free again");
}

pub(super) async fn an_erasure_in_the_middle_of_everything_is_whole(fresh: Fresh) {
    let store = fresh.store().await;
    for round in 0..5 {
        let (ada, session, _) = settle(&store, &format!("ada{round}")).await;
        let busy = (0..8).map(|index| {
            let (store, ada) = (Arc::clone(&store), ada.clone());
            tokio::spawn(async move {
                let token = |what: &str| TokenHash::of(&format!("{what} {round} {index}"));
                // Each of these may come too late, and none may get in between.
                let second = super::samples::session(ada.id);
                let _ = store.create_session(&second, &token("refresh"), &ada).await;
                let rotated = store
                    .rotate_refresh_token(&token("refresh"), &token("next"), at(2), at(900))
                    .await
                    .unwrap();
                let key = api_key(ada.id, &format!("key {round} {index}"));
                let _ = store
                    .create_api_key(&key, MANY_KEYS, &audit("api_key.created"))
                    .await;
                let saved = Analysis {
                    id: AnalysisId::generate(),
                    ..analysis()
                };
                let _ = store.save_analysis(&saved, Account::User(ada.id)).await;
                (second.id, matches!(rotated, Rotation::Rotated { .. }))
            })
        });
        let busy: Vec<_> = busy.collect();
        let erased = store.erase_user(ada.id, at(900), &audit("user.erased")).await;
        assert!(matches!(erased.unwrap(), ChangeUser::Done(_)));
        let mut begun = vec![session];
        for task in busy {
            let (id, rotated) = task.await.unwrap();
            if rotated {
                begun.push(id);
            }
        }
        for table in ["users", "sessions", "refresh_tokens", "api_keys", "analyses"] {
            assert_eq!(fresh.rows(table).await, 0, "{table}");
        }
        let revoked: Vec<_> = store
            .revocations()
            .await
            .unwrap()
            .iter()
            .map(|revocation| SessionId::from(revocation.id))
            .collect();
        for session in begun {
            assert!(
                revoked.contains(&session),
                "a session that went on was not revoked"
            );
        }
    }
}
