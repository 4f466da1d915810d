use time::OffsetDateTime;
use ultra_service::store::{Sealed, SealedProviderKey, WrappedKey};
use uuid::Uuid;

use super::{
    Fresh,
    samples::{at, audit},
};

fn sealed(byte: u8, length: usize) -> Sealed {
    Sealed {
        nonce: [byte; 24],
        ciphertext: vec![byte; length],
    }
}

fn key(provider: &str, master_id: &str, byte: u8) -> SealedProviderKey {
    SealedProviderKey {
        id: Uuid::now_v7(),
        provider: provider.to_owned(),
        value: sealed(byte, 40),
        key: WrappedKey {
            master_id: master_id.to_owned(),
            sealed: sealed(byte + 1, 48),
        },
        created_at: at(0),
    }
}

pub(super) async fn a_provider_has_one_key_and_the_last_one_counts(fresh: Fresh) {
    let store = fresh.store().await;
    assert_eq!(store.provider_key("openai").await.unwrap(), None);
    let first = key("openai", "a", 1);
    let other = key("anthropic", "a", 2);
    let second = SealedProviderKey {
        created_at: at(1),
        ..key("openai", "b", 3)
    };
    for key in [&first, &other, &second] {
        store
            .put_provider_key(key, &audit("provider_key.put"))
            .await
            .unwrap();
        assert_eq!(
            store.provider_key(&key.provider).await.unwrap().as_ref(),
            Some(key)
        );
    }
    assert_eq!(store.provider_keys().await.unwrap(), [other, second]);
    assert_eq!(fresh.rows("audit_log").await, 3);
}

pub(super) async fn a_key_that_is_deleted_is_gone_and_its_deletion_audited(fresh: Fresh) {
    let store = fresh.store().await;
    store
        .put_provider_key(&key("openai", "a", 1), &audit("provider_key.put"))
        .await
        .unwrap();
    for (provider, there) in [("anthropic", false), ("openai", true), ("openai", false)] {
        let deleted = store
            .delete_provider_key(provider, &audit("provider_key.deleted"))
            .await;
        assert_eq!(deleted.unwrap(), there);
    }
    assert_eq!(store.provider_keys().await.unwrap(), []);
    assert_eq!(fresh.rows("audit_log").await, 2);
}

pub(super) async fn keys_under_other_masters_are_found_page_by_page_and_counted(fresh: Fresh) {
    let store = fresh.store().await;
    let keys: Vec<_> = [
        ("a", "old"),
        ("b", "new"),
        ("c", "older"),
        ("d", "old"),
        ("e", "old"),
    ]
    .iter()
    .enumerate()
    .map(|(index, (provider, master))| key(provider, master, u8::try_from(index).unwrap()))
    .collect();
    for key in &keys {
        store
            .put_provider_key(key, &audit("provider_key.put"))
            .await
            .unwrap();
    }
    let names = async |after: Option<&str>, limit: u32| -> Vec<String> {
        let found = store.provider_keys_not_under("new", after, limit).await.unwrap();
        found.into_iter().map(|key| key.provider).collect()
    };
    assert_eq!(names(None, 2).await, ["a", "c"]);
    assert_eq!(names(Some("c"), 2).await, ["d", "e"]);
    assert!(names(Some("e"), 2).await.is_empty());
    assert_eq!(names(None, 100).await, ["a", "c", "d", "e"]);
    assert_eq!(
        store.provider_key_counts().await.unwrap(),
        [("new", 1), ("old", 3), ("older", 1)].map(|(id, count)| (id.to_owned(), count))
    );
}

pub(super) async fn a_data_key_moves_only_from_where_it_was_seen(fresh: Fresh) {
    let store = fresh.store().await;
    let before = key("openai", "old", 1);
    store
        .put_provider_key(&before, &audit("provider_key.put"))
        .await
        .unwrap();
    let to = WrappedKey {
        master_id: "new".to_owned(),
        sealed: sealed(9, 48),
    };
    let elsewhere = [
        WrappedKey {
            master_id: "older".to_owned(),
            ..before.key.clone()
        },
        WrappedKey {
            sealed: Sealed {
                nonce: [7; 24],
                ..before.key.sealed.clone()
            },
            ..before.key.clone()
        },
        WrappedKey {
            sealed: Sealed {
                ciphertext: vec![7; 48],
                ..before.key.sealed.clone()
            },
            ..before.key.clone()
        },
    ];
    for from in &elsewhere {
        assert!(!store.rewrap_provider_key(before.id, from, &to).await.unwrap());
    }
    assert!(
        !store
            .rewrap_provider_key(Uuid::now_v7(), &before.key, &to)
            .await
            .unwrap()
    );
    assert_eq!(store.provider_key("openai").await.unwrap(), Some(before.clone()));

    assert!(
        store
            .rewrap_provider_key(before.id, &before.key, &to)
            .await
            .unwrap()
    );
    let after = SealedProviderKey {
        key: to.clone(),
        ..before.clone()
    };
    assert_eq!(store.provider_key("openai").await.unwrap(), Some(after));
    let again = store.rewrap_provider_key(before.id, &before.key, &to).await;
    assert!(!again.unwrap());
}

pub(super) async fn a_key_that_was_put_anew_is_not_overwritten_by_a_rotation_under_way(fresh: Fresh) {
    let store = fresh.store().await;
    let seen = key("openai", "old", 1);
    let newer = SealedProviderKey {
        created_at: OffsetDateTime::UNIX_EPOCH,
        key: seen.key.clone(),
        ..key("openai", "old", 5)
    };
    for key in [&seen, &newer] {
        store
            .put_provider_key(key, &audit("provider_key.put"))
            .await
            .unwrap();
    }
    let to = WrappedKey {
        master_id: "new".to_owned(),
        sealed: sealed(9, 48),
    };
    assert!(!store.rewrap_provider_key(seen.id, &seen.key, &to).await.unwrap());
    assert_eq!(store.provider_key("openai").await.unwrap(), Some(newer));
}
