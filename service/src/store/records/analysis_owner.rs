use uuid::Uuid;

use crate::domain::Account;

/// How the tables name the owner of an analysis: anonymous ones belong to no user.
pub(in crate::store) fn owner(account: Account) -> Option<Uuid> {
    match account {
        Account::Anonymous => None,
        Account::User(id) => Some(id.as_uuid()),
    }
}
