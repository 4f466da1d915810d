//! The users of test tokens: a token can name any, and whoever is named has an account from then on.

use std::sync::Arc;

use moka::future::Cache;
use secrecy::SecretString;

use super::Verified;
use crate::{
    domain::{InvalidEmail, TierName, UserId},
    store::{self, Store, User},
};

/// Whoever is forgotten is welcomed again, which changes nothing.
const MOST_REMEMBERED: u64 = 10_000;

/// Makes accounts for them, in the `testing` profile.
pub(super) struct TestUsers {
    store: Arc<dyn Store>,
    welcomed: Cache<UserId, ()>,
}

impl TestUsers {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            welcomed: Cache::new(MOST_REMEMBERED),
        }
    }

    /// Makes sure that the token's user has an account. Nobody can log in to it.
    pub(super) async fn welcome(&self, token: &Verified) -> Result<(), store::Error> {
        if self.welcomed.contains_key(&token.user) {
            return Ok(());
        }
        if let Ok(user) = account(token) {
            self.store.ensure_user(&user).await?;
        }
        self.welcomed.insert(token.user, ()).await;
        Ok(())
    }
}

fn account(token: &Verified) -> Result<User, InvalidEmail> {
    Ok(User {
        id: token.user,
        email: format!("{}@test.invalid", token.user).parse()?,
        // No password has this hash, nor any other: it is none.
        password_hash: SecretString::from("!"),
        role: token.role,
        tier: TierName::default(),
        created_at: token.issued_at,
        disabled_at: None,
    })
}
