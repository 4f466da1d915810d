use std::sync::Arc;

use futures::future::join_all;
use ultra_service::{
    domain::{ApiKeyId, Scopes},
    store::{ApiKeyRecord, TokenHash},
};

use super::{
    Fresh,
    samples::{MANY_KEYS, api_key, at, audit, user},
};

pub(super) async fn a_key_reads_back_by_its_hash_with_its_user_and_in_its_users_list(fresh: Fresh) {
    let store = fresh.store().await;
    let (ada, bob) = (user("ada"), user("bob"));
    store.ensure_user(&ada).await.unwrap();
    store.ensure_user(&bob).await.unwrap();
    let plain = api_key(ada.id, "uk_plain");
    let full = ApiKeyRecord {
        scopes: "admin".parse::<Scopes>().unwrap(),
        expires_at: Some(at(60)),
        last_used_at: Some(at(1)),
        revoked_at: Some(at(2)),
        ..api_key(ada.id, "uk_full")
    };
    let bobs = api_key(bob.id, "uk_bobs");
    for key in [&full, &plain, &bobs] {
        store
            .create_api_key(key, MANY_KEYS, &audit("api_key.created"))
            .await
            .unwrap();
    }
    for (key, owner) in [(&full, &ada), (&plain, &ada), (&bobs, &bob)] {
        let (found, user) = store.api_key_by_hash(&key.hash).await.unwrap().unwrap();
        assert_eq!(&found, key);
        assert_eq!((user.id, &user.email), (owner.id, &owner.email));
    }
    assert!(
        store
            .api_key_by_hash(&TokenHash::of("uk_none"))
            .await
            .unwrap()
            .is_none()
    );
    let mut adas = vec![plain, full];
    adas.sort_by_key(|key| key.id);
    assert_eq!(store.api_keys_of(ada.id).await.unwrap(), adas);
    assert_eq!(store.api_keys_of(bob.id).await.unwrap(), [bobs]);
    assert_eq!(fresh.rows("audit_log").await, 3);
}

pub(super) async fn a_key_is_revoked_once_and_by_its_own_user_only(fresh: Fresh) {
    let store = fresh.store().await;
    let (ada, bob) = (user("ada"), user("bob"));
    store.ensure_user(&ada).await.unwrap();
    store.ensure_user(&bob).await.unwrap();
    let key = api_key(ada.id, "uk_adas");
    store
        .create_api_key(&key, MANY_KEYS, &audit("api_key.created"))
        .await
        .unwrap();
    for (who, id, seconds, revoked) in [
        (bob.id, key.id, 1, false),
        (ada.id, ApiKeyId::generate(), 2, false),
        (ada.id, key.id, 3, true),
        (ada.id, key.id, 4, false),
    ] {
        let result = store
            .revoke_api_key(who, id, at(seconds), at(900), &audit("api_key.revoked"))
            .await;
        assert_eq!(result.unwrap(), revoked, "at {seconds}");
    }
    let (found, _) = store.api_key_by_hash(&key.hash).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(at(3)));
    let revocations = store.revocations().await.unwrap();
    assert_eq!(revocations.len(), 1);
    assert_eq!(revocations[0].id, key.id.as_uuid());
    assert_eq!(fresh.rows("audit_log").await, 2, "made, and revoked once");
}

pub(super) async fn the_last_use_of_a_key_never_goes_back(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let keys: Vec<_> = (0..3)
        .map(|index| api_key(ada.id, &format!("uk_{index}")))
        .collect();
    for key in &keys {
        store
            .create_api_key(key, MANY_KEYS, &audit("api_key.created"))
            .await
            .unwrap();
    }
    let uses = |list: &[(usize, i64)]| -> Vec<_> {
        list.iter()
            .map(|(key, seconds)| (keys[*key].id, at(*seconds)))
            .collect()
    };
    store.touch_api_keys(&[]).await.unwrap();
    store
        .touch_api_keys(&uses(&[(0, 5), (1, 7), (0, 3)]))
        .await
        .unwrap();
    store.touch_api_keys(&uses(&[(0, 4), (1, 9)])).await.unwrap();
    store
        .touch_api_keys(&[(ApiKeyId::generate(), at(1))])
        .await
        .unwrap();
    let used: Vec<_> = store
        .api_keys_of(ada.id)
        .await
        .unwrap()
        .iter()
        .map(|key| key.last_used_at)
        .collect();
    assert_eq!(used, [Some(at(5)), Some(at(9)), None]);
}

pub(super) async fn replicas_write_many_uses_of_the_same_keys_down_at_once(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let mut keys = Vec::new();
    for index in 0..250 {
        let key = api_key(ada.id, &format!("uk_{index}"));
        store
            .create_api_key(&key, MANY_KEYS, &audit("api_key.created"))
            .await
            .unwrap();
        keys.push(key.id);
    }
    let (store, keys) = (&store, &keys);
    futures::future::join_all((0..4_i64).map(|replica| async move {
        let mut uses: Vec<_> = keys.iter().map(|id| (*id, at(replica))).collect();
        if replica % 2 == 0 {
            uses.reverse();
        }
        store.touch_api_keys(&uses).await.unwrap();
    }))
    .await;
    let listed = store.api_keys_of(ada.id).await.unwrap();
    assert_eq!(listed.len(), 250);
    assert!(listed.iter().all(|key| key.last_used_at == Some(at(3))));
}

pub(super) async fn two_keys_with_one_hash_are_refused_and_nothing_is_audited(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    store
        .create_api_key(&api_key(ada.id, "uk_same"), MANY_KEYS, &audit("api_key.created"))
        .await
        .unwrap();
    let error = store
        .create_api_key(&api_key(ada.id, "uk_same"), MANY_KEYS, &audit("api_key.created"))
        .await
        .unwrap_err();
    assert_eq!(error.class(), "refused");
    assert_eq!(fresh.rows("audit_log").await, 1);
}

pub(super) async fn of_many_keys_made_at_once_no_more_are_kept_than_one_may_have(fresh: Fresh) {
    let store = fresh.store().await;
    let (ada, bob) = (user("ada"), user("bob"));
    store.ensure_user(&ada).await.unwrap();
    store.ensure_user(&bob).await.unwrap();
    let ended = [
        ApiKeyRecord {
            expires_at: Some(at(0)),
            ..api_key(ada.id, "uk_expired")
        },
        ApiKeyRecord {
            revoked_at: Some(at(0)),
            ..api_key(ada.id, "uk_revoked")
        },
    ];
    for key in ended.iter().chain([&api_key(bob.id, "uk_bobs")]) {
        let made = store.create_api_key(key, 1, &audit("api_key.created")).await;
        assert!(made.unwrap(), "{key:?}");
    }
    let tasks = (0..20).map(|index| {
        let (store, key) = (Arc::clone(&store), api_key(ada.id, &format!("uk_{index}")));
        tokio::spawn(async move { store.create_api_key(&key, 5, &audit("api_key.created")).await })
    });
    let made = join_all(tasks)
        .await
        .into_iter()
        .map(|task| task.unwrap().unwrap());
    assert_eq!(made.filter(|made| *made).count(), 5);
    assert_eq!(
        (fresh.rows("api_keys").await, fresh.rows("audit_log").await),
        (8, 8)
    );
}
