//! Who makes a request, and what they may do.

use crate::domain::{Account, ApiKeyId, Role, Scope, Scopes, SessionId, UserId};

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Somebody without a credential, where those are admitted.
    Anonymous,
    /// A user who has logged in.
    User {
        /// The user.
        user: UserId,
        /// The login that the access token descends from.
        session: SessionId,
        /// The user's role when the token was issued.
        role: Role,
    },
    /// A program with a user's API key.
    Key {
        /// The key's owner.
        user: UserId,
        /// The key.
        key: ApiKeyId,
        /// The owner's role.
        role: Role,
        /// What the key may be used for.
        scopes: Scopes,
    },
}

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A use of the service, that a key needs this scope for.
    Scope(Scope),
    /// A user who has logged in: accounts are not managed with keys, which lie in files.
    Account,
    /// An admin; a key of one needs the scope `admin`.
    Admin,
}

/// Why a principal may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody in particular is asking.
    #[error("This needs a credential.")]
    Unauthenticated,
    /// The key lacks the scope.
    #[error("This API key lacks the scope {0}.")]
    Scope(Scope),
    /// A key cannot do what only its owner can.
    #[error("This needs an access token; API keys cannot manage accounts.")]
    KeyRefused,
    /// The user is no admin.
    #[error("This needs the role admin.")]
    NotAdmin,
}

impl Principal {
    /// Whose analyses, cache and limits it uses.
    pub fn account(&self) -> Account {
        match self {
            Self::Anonymous => Account::Anonymous,
            Self::User { user, .. } | Self::Key { user, .. } => Account::User(*user),
        }
    }

    /// Who asks, where it is somebody in particular.
    pub fn user(&self) -> Result<UserId, Denied> {
        match self {
            Self::Anonymous => Err(Denied::Unauthenticated),
            Self::User { user, .. } | Self::Key { user, .. } => Ok(*user),
        }
    }

    /// The API key that is used, where one is.
    pub fn key(&self) -> Option<ApiKeyId> {
        match self {
            Self::Key { key, .. } => Some(*key),
            Self::Anonymous | Self::User { .. } => None,
        }
    }

    /// Whether it may.
    pub fn require(&self, access: Access) -> Result<(), Denied> {
        match (access, self) {
            (Access::Scope(_), Self::Anonymous | Self::User { .. })
            | (Access::Account, Self::User { .. }) => Ok(()),
            (Access::Scope(scope), Self::Key { scopes, .. }) if !scopes.contains(scope) => {
                Err(Denied::Scope(scope))
            }
            (Access::Scope(_), Self::Key { .. }) => Ok(()),
            (Access::Account | Access::Admin, Self::Anonymous) => Err(Denied::Unauthenticated),
            (Access::Account, Self::Key { .. }) => Err(Denied::KeyRefused),
            (Access::Admin, Self::Key { scopes, .. }) if !scopes.contains(Scope::Admin) => {
                Err(Denied::Scope(Scope::Admin))
            }
            (Access::Admin, Self::User { role, .. } | Self::Key { role, .. }) => match role {
                Role::Admin => Ok(()),
                Role::User => Err(Denied::NotAdmin),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(role: Role) -> Principal {
        Principal::User {
            user: UserId::generate(),
            session: SessionId::generate(),
            role,
        }
    }

    fn key(role: Role, scopes: &str) -> Principal {
        Principal::Key {
            user: UserId::generate(),
            key: ApiKeyId::generate(),
            role,
            scopes: scopes.parse().unwrap(),
        }
    }

    #[test]
    fn who_may_do_what() {
        use Denied::{KeyRefused, NotAdmin, Scope as Lacks, Unauthenticated};
        let inference = Access::Scope(Scope::Inference);
        let history = Access::Scope(Scope::History);
        let table = [
            (Principal::Anonymous, inference, Ok(())),
            (Principal::Anonymous, Access::Account, Err(Unauthenticated)),
            (Principal::Anonymous, Access::Admin, Err(Unauthenticated)),
            (user(Role::User), inference, Ok(())),
            (user(Role::User), Access::Account, Ok(())),
            (user(Role::User), Access::Admin, Err(NotAdmin)),
            (user(Role::Admin), Access::Admin, Ok(())),
            (key(Role::User, "inference"), inference, Ok(())),
            (key(Role::User, "inference"), history, Err(Lacks(Scope::History))),
            (
                key(Role::Admin, "inference history"),
                Access::Admin,
                Err(Lacks(Scope::Admin)),
            ),
            (key(Role::Admin, "admin"), inference, Err(Lacks(Scope::Inference))),
            (key(Role::Admin, "admin"), Access::Admin, Ok(())),
            (key(Role::User, "admin"), Access::Admin, Err(NotAdmin)),
            (key(Role::Admin, "admin"), Access::Account, Err(KeyRefused)),
        ];
        for (principal, access, expected) in table {
            assert_eq!(principal.require(access), expected, "{principal:?} {access:?}");
        }
    }
}
