use std::sync::Arc;

use serde_json::json;
use ultra_service::{
    domain::{Role, UserId},
    store::{self, Actor, AuditEntry, ChangeUser, Page, Store, UserChange},
};

use super::{
    Fresh,
    samples::{another_admin, at, user},
};

async fn change(
    store: &Arc<dyn Store>,
    user: UserId,
    change: &UserChange,
    entry: &AuditEntry,
) -> Result<(), store::Error> {
    let changed = store.change_user(user, change, at(0), at(900), entry).await?;
    assert!(matches!(changed, ChangeUser::Done(_)), "{changed:?}");
    Ok(())
}

pub(super) async fn entries_read_back_newest_first_page_by_page(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let mut entries = Vec::new();
    another_admin(&store).await;
    for index in 0..5 {
        let actor = if index % 2 == 0 {
            Actor::User(UserId::generate())
        } else {
            Actor::System("users create".into())
        };
        let detail = json!({"role": "admin", "nested": [1, null, "ü'\""], "index": index});
        let entry = AuditEntry::new(at(index), actor, "user.role_changed", ada.id).with_detail(detail);
        let role = if index % 2 == 0 { Role::Admin } else { Role::User };
        change(&store, ada.id, &UserChange::Role(role), &entry)
            .await
            .unwrap();
        entries.push(entry);
    }
    entries.reverse();
    let mut seen: Vec<AuditEntry> = Vec::new();
    loop {
        let page = Page {
            after: seen.last().map(|entry| entry.id),
            limit: 2,
        };
        let found = store.audit_log(page).await.unwrap();
        assert!(found.len() <= 2);
        if found.is_empty() {
            break;
        }
        seen.extend(found);
    }
    assert_eq!(seen, entries);
    assert_eq!(seen[0].subject, ada.id.to_string());
}

pub(super) async fn a_change_whose_entry_cannot_be_written_does_not_happen(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let entry = AuditEntry::new(at(0), Actor::User(ada.id), "user.role_changed", ada.id);
    another_admin(&store).await;
    let role = |role| UserChange::Role(role);
    change(&store, ada.id, &role(Role::Admin), &entry).await.unwrap();
    // An entry of the same id cannot be written a second time.
    change(&store, ada.id, &role(Role::User), &entry)
        .await
        .unwrap_err();
    assert_eq!(store.user(ada.id).await.unwrap().unwrap().role, Role::Admin);
    store.erase_user(ada.id, at(2), &entry).await.unwrap_err();
    assert!(store.user(ada.id).await.unwrap().is_some());
}

pub(super) async fn what_is_done_to_something_else_is_recorded_too(fresh: Fresh) {
    let store = fresh.store().await;
    let actor = Actor::User(UserId::generate());
    let entry = AuditEntry::new(at(1), actor, "cache.cleared", "cache");
    store.audit(&entry).await.unwrap();
    let page = Page {
        after: None,
        limit: 2,
    };
    assert_eq!(store.audit_log(page).await.unwrap(), [entry]);
}
