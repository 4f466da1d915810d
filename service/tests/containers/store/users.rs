use std::{fmt::Debug, sync::Arc};

use futures::future::join_all;
use secrecy::{ExposeSecret as _, SecretString};
use ultra_service::{
    domain::{Role, UserId},
    store::{ChangeUser, CreateUser, Page, Store, TokenHash, User, UserChange},
};

use super::{
    Fresh,
    samples::{MANY_KEYS, another_admin, api_key, at, audit, begin, change, password, session, user},
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
    another_admin(&store).await;
    let hash = "$argon2id$new";
    let changes = [
        password(hash),
        UserChange::Role(Role::Admin),
        UserChange::Disabled(Some(at(7))),
        UserChange::Tier("basic".parse().unwrap()),
    ];
    for (id, there) in [(UserId::generate(), false), (ada.id, true)] {
        for change in &changes {
            let changed = store
                .change_user(id, change, at(7), at(900), &audit("user.changed"))
                .await;
            let expected = if there {
                ChangeUser::Done(Vec::new())
            } else {
                ChangeUser::NoSuchUser
            };
            assert_eq!(changed.unwrap(), expected, "{change:?}");
        }
        assert_eq!(fresh.rows("audit_log").await, if there { 4 } else { 0 });
    }
    let changed = User {
        password_hash: SecretString::from(hash),
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

pub(super) async fn a_user_who_is_so_already_is_not_changed_again(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    another_admin(&store).await;
    let changed = async |change: UserChange, seconds| {
        let entry = audit("user.changed");
        let changed = store
            .change_user(ada.id, &change, at(seconds), at(900), &entry)
            .await;
        assert_eq!(changed.unwrap(), ChangeUser::Done(Vec::new()), "{change:?}");
        let ada = store.user(ada.id).await.unwrap().unwrap();
        (ada.role, ada.disabled_at, fresh.rows("audit_log").await)
    };
    let disabled = |seconds| UserChange::Disabled(Some(at(seconds)));
    assert_eq!(
        changed(UserChange::Role(Role::User), 1).await,
        (Role::User, None, 0)
    );
    assert_eq!(
        changed(UserChange::Disabled(None), 2).await,
        (Role::User, None, 0)
    );
    assert_eq!(changed(disabled(3), 3).await, (Role::User, Some(at(3)), 1));
    assert_eq!(changed(disabled(4), 4).await, (Role::User, Some(at(3)), 1));
    let admin = UserChange::Role(Role::Admin);
    assert_eq!(changed(admin.clone(), 5).await, (Role::Admin, Some(at(3)), 2));
    assert_eq!(changed(admin, 6).await, (Role::Admin, Some(at(3)), 2));

    // What ends with a change does not end again with one that changes nothing.
    changed(UserChange::Disabled(None), 7).await;
    let session = session(ada.id);
    begin(&store, &session, &TokenHash::of("token")).await;
    changed(UserChange::Role(Role::Admin), 8).await;
    assert!(store.revoke_session(session.id, at(9), at(900)).await.unwrap());
}

/// An admin who can log in.
async fn admin(store: &Arc<dyn Store>, name: &str) -> UserId {
    let admin = User {
        role: Role::Admin,
        ..user(name)
    };
    store.ensure_user(&admin).await.unwrap();
    admin.id
}

/// Takes an admin's rights away in one of three ways.
async fn take(store: &Arc<dyn Store>, id: UserId, way: usize) -> ChangeUser {
    let entry = audit("user.changed");
    let changes = [UserChange::Role(Role::User), UserChange::Disabled(Some(at(1)))];
    let changed = match changes.get(way % 3) {
        Some(change) => store.change_user(id, change, at(1), at(900), &entry).await,
        None => store.erase_user(id, at(900), &entry).await,
    };
    changed.unwrap()
}

pub(super) async fn the_last_admin_stays(fresh: Fresh) {
    let store = fresh.store().await;
    let last = admin(&store, "last").await;
    let shut_out = admin(&store, "shut-out").await;
    store.ensure_user(&user("ada")).await.unwrap();
    change(&store, shut_out, &UserChange::Disabled(Some(at(1))), 1).await;
    for way in 0..3 {
        assert_eq!(take(&store, last, way).await, ChangeUser::LastAdmin, "{way}");
    }
    assert_eq!(fresh.rows("audit_log").await, 1);
    // What takes nothing away may be done, and who is shut out is no admin who would be missed.
    change(&store, last, &password("$argon2id$new"), 2).await;
    assert!(matches!(take(&store, shut_out, 2).await, ChangeUser::Done(_)));
    admin(&store, "another").await;
    assert!(matches!(take(&store, last, 2).await, ChangeUser::Done(_)));
}

pub(super) async fn of_admins_who_take_each_others_rights_at_once_one_stays(fresh: Fresh) {
    let store = fresh.store().await;
    for round in 0..6 {
        let mut admins = Vec::new();
        for index in 0..4 {
            admins.push(admin(&store, &format!("admin-{round}-{index}")).await);
        }
        let taken = admins
            .iter()
            .enumerate()
            .map(|(index, id)| take(&store, *id, round + index));
        let taken = join_all(taken).await;
        let kept = taken.iter().filter(|taken| **taken == ChangeUser::LastAdmin);
        assert_eq!(kept.count(), 1, "{taken:?}");
        let left = "select email from users where role = 'admin' and disabled_at is null";
        assert_eq!(fresh.texts(left).await.len(), 1);
        // The next round begins without any.
        fresh.run("delete from users").await;
    }
}

pub(super) async fn a_new_password_ends_keys_where_that_is_asked_for(fresh: Fresh) {
    let store = fresh.store().await;
    let (ada, bob) = (user("ada"), user("bob"));
    let mut keys = Vec::new();
    for owner in [&ada, &ada, &bob] {
        store.ensure_user(owner).await.unwrap();
        let key = api_key(owner.id, &format!("uk_{}", keys.len()));
        let made = store
            .create_api_key(&key, MANY_KEYS, &audit("api_key.created"))
            .await;
        assert!(made.unwrap());
        keys.push(key.id);
    }
    let (first, second) = (audit("api_key.revoked"), audit("user.changed"));
    let revoked = store.revoke_api_key(ada.id, keys[0], at(1), at(900), &first);
    assert!(revoked.await.unwrap());
    assert!(
        change(&store, ada.id, &password("$argon2id$one"), 2)
            .await
            .is_empty()
    );
    let change = UserChange::Password {
        hash: SecretString::from("$argon2id$two"),
        end_keys: true,
    };
    let changed = store.change_user(ada.id, &change, at(3), at(900), &second);
    assert_eq!(changed.await.unwrap(), ChangeUser::Done(vec![keys[1].as_uuid()]));
    let ends = async |owner| {
        let keys = store.api_keys_of(owner).await.unwrap();
        keys.iter().map(|key| key.revoked_at).collect::<Vec<_>>()
    };
    assert_eq!(ends(ada.id).await, [Some(at(1)), Some(at(3))]);
    assert_eq!(ends(bob.id).await, [None]);
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
    change(&store, ada.id, &password(changed.expose_secret()), 1).await;
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
