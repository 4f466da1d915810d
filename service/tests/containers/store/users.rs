use std::fmt::Debug;

use futures::future::join_all;
use secrecy::{ExposeSecret as _, SecretString};
use ultra_service::{
    domain::{Role, UserId},
    store::{CreateUser, Page, User, UserChange},
};

use super::{
    Fresh,
    samples::{at, audit, change, user},
};

/// All of a user, to be compared.
fn parts(user: &User) -> impl PartialEq + Debug {
    let User {
        id,
        email,
        password_hash,
        role,
        tier,
        created_at,
        disabled_at,
    } = user;
    (
        *id,
        email.as_str().to_owned(),
        password_hash.expose_secret().to_owned(),
        *role,
        tier.clone(),
        *created_at,
        *disabled_at,
    )
}

pub(super) async fn a_user_reads_back_by_id_and_by_address(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    let bob = User {
        role: Role::Admin,
        tier: "premium".parse().unwrap(),
        disabled_at: Some(at(5)),
        ..user("bob")
    };
    for user in [&ada, &bob] {
        assert!(store.user(user.id).await.unwrap().is_none());
        assert!(store.user_by_email(&user.email).await.unwrap().is_none());
        let created = store.create_user(user, None, at(0), &audit("user.created")).await;
        assert_eq!(created.unwrap(), CreateUser::Created);
        for found in [
            store.user(user.id).await.unwrap().unwrap(),
            store.user_by_email(&user.email).await.unwrap().unwrap(),
        ] {
            assert_eq!(parts(&found), parts(user));
        }
    }
    assert_eq!(fresh.rows("audit_log").await, 2);
}

pub(super) async fn an_address_belongs_to_one_user(fresh: Fresh) {
    let store = fresh.store().await;
    let first = user("ada");
    store
        .create_user(&first, None, at(0), &audit("user.created"))
        .await
        .unwrap();
    let second = user("ada");
    let created = store
        .create_user(&second, None, at(0), &audit("user.created"))
        .await;
    assert_eq!(created.unwrap(), CreateUser::EmailTaken);
    assert!(store.user(second.id).await.unwrap().is_none());
    assert_eq!(
        fresh.rows("audit_log").await,
        1,
        "what did not happen is not audited"
    );
}

pub(super) async fn of_many_registrations_with_one_address_at_once_one_succeeds(fresh: Fresh) {
    let store = fresh.store().await;
    let results = join_all((0..20).map(|_| async {
        store
            .create_user(&user("ada"), None, at(0), &audit("user.created"))
            .await
            .unwrap()
    }))
    .await;
    let created = results
        .iter()
        .filter(|result| **result == CreateUser::Created)
        .count();
    assert_eq!(created, 1, "{results:?}");
    assert!(results.iter().all(|result| *result != CreateUser::InviteInvalid));
    assert_eq!((fresh.rows("users").await, fresh.rows("audit_log").await), (1, 1));
}

pub(super) async fn ensuring_a_user_who_is_there_changes_nothing(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let same_id = User {
        id: ada.id,
        role: Role::Admin,
        ..user("other")
    };
    let same_email = User {
        role: Role::Admin,
        ..user("ada")
    };
    for other in [&ada, &same_id, &same_email] {
        store.ensure_user(other).await.unwrap();
    }
    assert_eq!(parts(&store.user(ada.id).await.unwrap().unwrap()), parts(&ada));
    assert_eq!(fresh.rows("users").await, 1);
}

pub(super) async fn users_are_listed_page_by_page_in_the_order_of_their_making(fresh: Fresh) {
    let store = fresh.store().await;
    let users: Vec<_> = (0..5).map(|index| user(&format!("user{index}"))).collect();
    for user in users.iter().rev() {
        store.ensure_user(user).await.unwrap();
    }
    let mut seen: Vec<UserId> = Vec::new();
    loop {
        let page = Page {
            after: seen.last().copied(),
            limit: 2,
        };
        let found = store.users(page).await.unwrap();
        assert!(found.len() <= 2);
        if found.is_empty() {
            break;
        }
        seen.extend(found.iter().map(|user| user.id));
    }
    assert_eq!(seen, users.iter().map(|user| user.id).collect::<Vec<_>>());
}

pub(super) async fn a_change_of_a_user_is_audited_and_one_of_nobody_is_not(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    let bob = user("bob");
    store.ensure_user(&ada).await.unwrap();
    store.ensure_user(&bob).await.unwrap();
    let hash = SecretString::from("$argon2id$new");
    let changes = [
        UserChange::Password(hash.clone()),
        UserChange::Role(Role::Admin),
        UserChange::Disabled(Some(at(7))),
        UserChange::Tier("basic".parse().unwrap()),
    ];
    for (id, there) in [(UserId::generate(), false), (ada.id, true)] {
        for change in &changes {
            let changed = store
                .change_user(id, change, at(7), at(900), &audit("user.changed"))
                .await;
            assert_eq!(changed.unwrap().is_some(), there, "{change:?}");
        }
        assert_eq!(fresh.rows("audit_log").await, if there { 4 } else { 0 });
    }
    let changed = User {
        password_hash: hash,
        role: Role::Admin,
        tier: "basic".parse().unwrap(),
        disabled_at: Some(at(7)),
        ..ada.clone()
    };
    assert_eq!(
        parts(&store.user(ada.id).await.unwrap().unwrap()),
        parts(&changed)
    );
    assert_eq!(parts(&store.user(bob.id).await.unwrap().unwrap()), parts(&bob));
    change(&store, ada.id, &UserChange::Disabled(None), 8).await;
    assert_eq!(store.user(ada.id).await.unwrap().unwrap().disabled_at, None);
}

pub(super) async fn a_stronger_hash_does_not_undo_a_password_that_was_changed_meanwhile(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let stronger = SecretString::from("$argon2id$stronger");
    assert!(
        store
            .rehash_password(ada.id, &ada.password_hash, &stronger)
            .await
            .unwrap()
    );
    let changed = SecretString::from("$argon2id$of another password");
    change(&store, ada.id, &UserChange::Password(changed.clone()), 1).await;
    let late = SecretString::from("$argon2id$stronger still");
    assert!(!store.rehash_password(ada.id, &stronger, &late).await.unwrap());
    let kept = store.user(ada.id).await.unwrap().unwrap().password_hash;
    assert_eq!(kept.expose_secret(), changed.expose_secret());
}

pub(super) async fn no_text_becomes_part_of_a_statement(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = User {
        email: "o'brien.--{x}$1@example.com".parse().unwrap(),
        password_hash: SecretString::from("'); drop table users; --"),
        ..user("ada")
    };
    store
        .create_user(&ada, None, at(0), &audit("user.'; drop table users; --"))
        .await
        .unwrap();
    let found = store.user_by_email(&ada.email).await.unwrap().unwrap();
    assert_eq!(parts(&found), parts(&ada));
}
