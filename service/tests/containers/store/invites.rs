use std::sync::Arc;

use futures::future::join_all;
use ultra_service::{
    domain::Role,
    store::{CreateUser, Invite, Store, TokenHash, User, UserChange},
};

use super::{
    Fresh,
    samples::{another_admin, at, audit, change, invite, user},
};

/// An invitation by the admin `admin`.
async fn invited(store: &Arc<dyn Store>) -> Invite {
    let admin = User {
        role: Role::Admin,
        ..user("admin")
    };
    store.ensure_user(&admin).await.unwrap();
    let invite = invite(admin.id, "invite");
    store
        .create_invite(&invite, &audit("invite.created"))
        .await
        .unwrap();
    invite
}

pub(super) async fn an_invite_is_good_for_one_registration_however_many_come_at_once(fresh: Fresh) {
    let store = fresh.store().await;
    invited(&store).await;
    let store = &store;
    let results = join_all((0..10).map(|index| async move {
        let user = user(&format!("user{index}"));
        let invite = TokenHash::of("invite");
        store
            .create_user(&user, Some(&invite), at(1), &audit("user.created"))
            .await
            .unwrap()
    }))
    .await;
    let count = |wanted| results.iter().filter(|result| **result == wanted).count();
    assert_eq!(count(CreateUser::Created), 1, "{results:?}");
    assert_eq!(count(CreateUser::InviteInvalid), 9, "{results:?}");
    assert_eq!(fresh.rows("users").await, 2);
    assert_eq!(fresh.rows("audit_log").await, 2);
}

pub(super) async fn an_unknown_or_expired_invite_is_invalid_whether_the_address_is_taken_or_not(
    fresh: Fresh,
) {
    let store = fresh.store().await;
    let invite = invited(&store).await;
    for (token, now) in [
        ("another", at(1)),
        ("invite", invite.expires_at),
        ("invite", at(3_600)),
    ] {
        for name in ["admin", "ada"] {
            let created = store
                .create_user(
                    &user(name),
                    Some(&TokenHash::of(token)),
                    now,
                    &audit("user.created"),
                )
                .await;
            assert_eq!(
                created.unwrap(),
                CreateUser::InviteInvalid,
                "{token} {now} {name}"
            );
        }
    }
    let last_moment = at(59);
    let created = store
        .create_user(
            &user("ada"),
            Some(&invite.hash),
            last_moment,
            &audit("user.created"),
        )
        .await;
    assert_eq!(created.unwrap(), CreateUser::Created);
}

/// Whoever could try one invite on many addresses could find out who has an account.
pub(super) async fn an_invite_is_used_up_by_an_address_that_is_taken_too(fresh: Fresh) {
    let store = fresh.store().await;
    let invite = invited(&store).await;
    for (name, expected) in [
        ("admin", CreateUser::EmailTaken),
        ("ada", CreateUser::InviteInvalid),
    ] {
        let created = store
            .create_user(&user(name), Some(&invite.hash), at(1), &audit("user.created"))
            .await;
        assert_eq!(created.unwrap(), expected, "{name}");
    }
}

pub(super) async fn an_invite_is_worth_what_its_giver_may_do(fresh: Fresh) {
    let store = fresh.store().await;
    let invite = invited(&store).await;
    another_admin(&store).await;
    let register = async || {
        let created = store
            .create_user(&user("ada"), Some(&invite.hash), at(1), &audit("user.created"))
            .await;
        created.unwrap()
    };
    for (taken, given) in [
        (UserChange::Role(Role::User), UserChange::Role(Role::Admin)),
        (UserChange::Disabled(Some(at(1))), UserChange::Disabled(None)),
    ] {
        change(&store, invite.created_by, &taken, 1).await;
        assert_eq!(register().await, CreateUser::InviteInvalid, "{taken:?}");
        change(&store, invite.created_by, &given, 1).await;
    }
    assert_eq!(register().await, CreateUser::Created);
}
