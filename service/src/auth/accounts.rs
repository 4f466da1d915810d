//! What people do with their accounts: register, log in, stay logged in, log out, change the password, leave. And what
//! admins do with those of others.

use std::{net::IpAddr, sync::Arc, time::Duration};

use secrecy::SecretString;
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Passwords, Revocations, Throttle, Throttled, TokenError, Tokens,
    opaque_token::{Kind, OpaqueToken},
    passwords::{self, Check},
    revocations::CLOCKS_DIFFER_BY,
    tokens::Signer,
};
use crate::{
    config::{self, FirstAdmin, Registration},
    domain::{Email, Password, Role, SessionId, TierName, UserId},
    store::{
        self, Actor, AuditEntry, ChangeUser, CreateUser, Invite, Page, Revocation, Rotation, Session, Store,
        TokenHash, User, UserChange,
    },
};

/// How long an invitation can be used.
const INVITE_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// A user can be changed between the check of the password and the session, by another login's better hash for one; the
/// new password is then checked anew.
const LOGIN_TRIES: usize = 2;

/// Accounts, over the store.
pub struct Accounts {
    store: Arc<dyn Store>,
    tokens: Arc<Tokens>,
    passwords: Passwords,
    throttle: Throttle,
    revocations: Arc<Revocations>,
    registration: Registration,
    first_admin: Option<Email>,
    refresh_ttl: Duration,
}

/// What a login gives.
#[derive(Debug)]
pub struct TokenPair {
    /// For requests.
    pub access_token: SecretString,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// For the next pair; can be used once.
    pub refresh_token: SecretString,
    /// When the refresh token ends.
    pub refresh_expires_at: OffsetDateTime,
}

/// Why something was not done with an account.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address or the account was tried too often.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// There is no such account, or this is not its password: which of the two is not said.
    #[error("the email address or the password is wrong")]
    WrongCredentials,
    /// The refresh token is unknown, used, or expired.
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// Nobody can register here by themselves.
    #[error("registration is closed")]
    RegistrationClosed,
    /// Registering needs an invitation that is valid.
    #[error("the invitation is missing, used or expired")]
    InvalidInvite,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// An admin would take their own rights.
    #[error("admins cannot take their own rights")]
    OwnRights,
    /// Nobody would be left who manages the service.
    #[error("this is the only admin who can log in; make another one first")]
    LastAdmin,
    /// Too many passwords are being checked.
    #[error("too many passwords are being checked")]
    Busy,
    /// A password cannot be hashed.
    #[error(transparent)]
    Hash(passwords::Error),
    /// A token cannot be signed.
    #[error("no token can be signed: {0}")]
    Token(#[from] TokenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<passwords::Error> for Error {
    fn from(error: passwords::Error) -> Self {
        match error {
            passwords::Error::Busy => Self::Busy,
            passwords::Error::Hash(_) => Self::Hash(error),
        }
    }
}

impl Accounts {
    /// Over this store, with tokens of this kind.
    pub fn new(
        store: Arc<dyn Store>,
        tokens: Arc<Tokens>,
        revocations: Arc<Revocations>,
        config: &config::Auth,
    ) -> Result<Self, passwords::Error> {
        Ok(Self {
            store,
            tokens,
            passwords: Passwords::new(&config.password_hashing)?,
            throttle: Throttle::new(config.tries_per_account, config.tries_per_address),
            revocations,
            registration: config.registration,
            first_admin: config.first_admin.as_ref().map(|admin| admin.email.clone()),
            refresh_ttl: config.refresh_token_ttl,
        })
    }

    /// Makes an account, unless the address has one. Both look the same to the caller: whoever could tell them apart
    /// could find out who has an account here.
    pub async fn register(
        &self,
        email: Email,
        password: &Password,
        invite: Option<&str>,
        address: IpAddr,
    ) -> Result<(), Error> {
        let invite = self.invitation(invite)?;
        self.throttle.admit_address(address)?;
        let now = OffsetDateTime::now_utc();
        let user = new_user(&self.passwords, email, password, Role::User, now).await?;
        // The first admin is made in the background, and nobody may be faster.
        if self.first_admin.as_ref() == Some(&user.email) {
            return Ok(());
        }
        let audit = AuditEntry::new(now, Actor::User(user.id), "user.registered", user.id);
        match self
            .store
            .create_user(&user, invite.as_ref(), now, &audit)
            .await?
        {
            CreateUser::Created | CreateUser::EmailTaken => Ok(()),
            CreateUser::InviteInvalid => Err(Error::InvalidInvite),
        }
    }

    fn invitation(&self, invite: Option<&str>) -> Result<Option<TokenHash>, Error> {
        match self.registration {
            Registration::Open => Ok(None),
            Registration::Closed => Err(Error::RegistrationClosed),
            Registration::Invite => {
                let token = invite.and_then(|text| OpaqueToken::parse(Kind::Invite, text).ok());
                token.map(|token| Some(token.hash())).ok_or(Error::InvalidInvite)
            }
        }
    }

    /// Makes the first admin, unless the address has an account.
    pub async fn ensure_first_admin(&self, admin: &FirstAdmin) -> Result<(), Error> {
        if let Some(user) = self.store.user_by_email(&admin.email).await? {
            if user.role != Role::Admin {
                tracing::error!(
                    user = %user.id,
                    "the address of ULTRA_AUTH_ADMIN_EMAIL belongs to a user who is no admin: nobody was made one"
                );
            }
            return Ok(());
        }
        let now = OffsetDateTime::now_utc();
        let user = new_user(
            &self.passwords,
            admin.email.clone(),
            &admin.password,
            Role::Admin,
            now,
        )
        .await?;
        let actor = Actor::System("configuration".into());
        let audit =
            AuditEntry::new(now, actor, "user.created", user.id).with_detail(json!({"role": Role::Admin}));
        // Another replica may have been faster.
        if self.store.create_user(&user, None, now, &audit).await? == CreateUser::Created {
            tracing::info!(user = %user.id, "the first admin is made");
        }
        Ok(())
    }

    /// Starts a session. Takes the same time and gives the same error for a wrong password and for no account.
    pub async fn log_in(
        &self,
        email: &Email,
        password: SecretString,
        address: IpAddr,
    ) -> Result<TokenPair, Error> {
        self.throttle.admit(email, address)?;
        for _ in 0..LOGIN_TRIES {
            let user = self.store.user_by_email(email).await?;
            let user = self.checked(user, password.clone()).await?;
            if let Some(tokens) = self.begin_session(&user).await? {
                return Ok(tokens);
            }
        }
        Err(Error::WrongCredentials)
    }

    /// `None`: the user is not any more as they were when they were checked.
    async fn begin_session(&self, user: &User) -> Result<Option<TokenPair>, Error> {
        let now = OffsetDateTime::now_utc();
        let session = Session {
            id: SessionId::generate(),
            user: user.id,
            created_at: now,
            expires_at: now + self.refresh_ttl,
        };
        let refresh = OpaqueToken::generate(Kind::Refresh);
        let signer = self.tokens.signer(now)?;
        let begun = self.store.create_session(&session, &refresh.hash(), user).await?;
        let pair = begun.then(|| pair(&signer, &session, user.role, &refresh));
        pair.transpose()
    }

    /// The user, if there is one and this is their password.
    async fn checked(&self, user: Option<User>, password: SecretString) -> Result<User, Error> {
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let check = self.passwords.check(password.clone(), hash).await?;
        let Check::Match { outdated } = check else {
            return Err(Error::WrongCredentials);
        };
        let mut user = user
            .filter(|user| user.disabled_at.is_none())
            .ok_or(Error::WrongCredentials)?;
        if outdated {
            self.rehash(&mut user, password).await;
        }
        Ok(user)
    }

    /// Brings a hash to today's parameters. Another login can do it, where this one cannot.
    async fn rehash(&self, user: &mut User, password: SecretString) {
        // One from before today's rules stays as it is until it is changed.
        let Ok(password) = Password::parse(password) else {
            return;
        };
        let rehashed = async {
            let hash = self.passwords.hash(&password).await?;
            let old = &user.password_hash;
            let rehashed = self.store.rehash_password(user.id, old, &hash).await?;
            Ok::<_, Error>(rehashed.then_some(hash))
        };
        match rehashed.await {
            Ok(Some(hash)) => user.password_hash = hash,
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, user = %user.id, "a password keeps its outdated hash"),
        }
    }

    /// Trades a refresh token for a new pair. A token that was used before means that somebody has stolen it: the
    /// whole session ends, for the thief and the owner alike.
    pub async fn refresh(&self, token: &str) -> Result<TokenPair, Error> {
        let presented = OpaqueToken::parse(Kind::Refresh, token).map_err(|_| Error::InvalidRefreshToken)?;
        let next = OpaqueToken::generate(Kind::Refresh);
        let now = OffsetDateTime::now_utc();
        // Whoever is told to come back later has to come with the same token.
        let signer = self.tokens.signer(now)?;
        let needless_after = needless_after(now);
        let rotation = self
            .store
            .rotate_refresh_token(&presented.hash(), &next.hash(), now, needless_after)
            .await?;
        match rotation {
            Rotation::Rotated { session, user } => pair(&signer, &session, user.role, &next),
            Rotation::Reused { session, user } => {
                self.note([session.as_uuid()], now, needless_after);
                tracing::warn!(%session, %user, "a refresh token was used twice; its session is revoked");
                Err(Error::InvalidRefreshToken)
            }
            Rotation::Unknown => Err(Error::InvalidRefreshToken),
        }
    }

    /// Ends a session: here at once, on every replica within a second.
    pub async fn log_out(&self, session: SessionId) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        let needless_after = needless_after(now);
        self.store.revoke_session(session, now, needless_after).await?;
        self.note([session.as_uuid()], now, needless_after);
        Ok(())
    }

    /// A user's own account.
    pub async fn me(&self, user: UserId) -> Result<User, Error> {
        self.store.user(user).await?.ok_or(Error::NoSuchUser)
    }

    /// Changes a password, and ends all of the user's sessions: whoever knew the old one is out. Their API keys end with
    /// it where that is asked for; programs may use them that have nothing to do with it.
    pub async fn change_password(
        &self,
        user: UserId,
        current: SecretString,
        new: &Password,
        end_keys: bool,
        address: IpAddr,
    ) -> Result<(), Error> {
        let account = self.reauthenticated(user, current, address).await?;
        let hash = self.passwords.hash(new).await?;
        let now = OffsetDateTime::now_utc();
        let audit = AuditEntry::new(now, Actor::User(user), "user.password_changed", user)
            .with_detail(json!({"api_keys_ended": end_keys}));
        let change = UserChange::Password { hash, end_keys };
        self.change(account.id, &change, now, &audit).await
    }

    /// Erases a user's own account, with all that belongs to it.
    pub async fn leave(&self, user: UserId, password: SecretString, address: IpAddr) -> Result<(), Error> {
        self.reauthenticated(user, password, address).await?;
        self.erase(user, Actor::User(user)).await
    }

    /// A token may have been stolen; the password decides about the account itself.
    async fn reauthenticated(
        &self,
        user: UserId,
        password: SecretString,
        address: IpAddr,
    ) -> Result<User, Error> {
        let account = self.me(user).await?;
        self.throttle.admit(&account.email, address)?;
        self.checked(Some(account), password).await
    }

    /// Users in the order in which they came.
    pub async fn users(&self, page: Page<UserId>) -> Result<Vec<User>, Error> {
        Ok(self.store.users(page).await?)
    }

    /// Gives a user another role. Their sessions end, because tokens carry the role.
    pub async fn set_role(&self, admin: UserId, user: UserId, role: Role) -> Result<(), Error> {
        not_oneself(admin, user)?;
        let now = OffsetDateTime::now_utc();
        let audit = AuditEntry::new(now, Actor::User(admin), "user.role_changed", user)
            .with_detail(json!({"role": role}));
        self.change(user, &UserChange::Role(role), now, &audit).await
    }

    /// Gives a user another tier. It says how much they may use, and no token carries it: no session ends.
    pub async fn set_tier(&self, admin: UserId, user: UserId, tier: TierName) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        let audit = AuditEntry::new(now, Actor::User(admin), "user.tier_changed", user)
            .with_detail(json!({"tier": tier}));
        self.change(user, &UserChange::Tier(tier), now, &audit).await
    }

    /// Shuts a user out, or lets them in again.
    pub async fn set_disabled(&self, admin: UserId, user: UserId, disabled: bool) -> Result<(), Error> {
        not_oneself(admin, user)?;
        let now = OffsetDateTime::now_utc();
        let action = if disabled { "user.disabled" } else { "user.enabled" };
        let audit = AuditEntry::new(now, Actor::User(admin), action, user);
        let change = UserChange::Disabled(disabled.then_some(now));
        self.change(user, &change, now, &audit).await
    }

    /// Erases another's account.
    pub async fn erase_other(&self, admin: UserId, user: UserId) -> Result<(), Error> {
        not_oneself(admin, user)?;
        self.erase(user, Actor::User(admin)).await
    }

    async fn erase(&self, user: UserId, actor: Actor) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        let needless_after = needless_after(now);
        let audit = AuditEntry::new(now, actor, "user.erased", user);
        let erased = self.store.erase_user(user, needless_after, &audit).await?;
        self.note(ended(erased)?, now, needless_after);
        Ok(())
    }

    /// Lets one person register. The token is shown this once.
    pub async fn invite(&self, admin: UserId) -> Result<(OpaqueToken, OffsetDateTime), Error> {
        let now = OffsetDateTime::now_utc();
        let token = OpaqueToken::generate(Kind::Invite);
        let expires_at = now + INVITE_TTL;
        let invite = Invite {
            hash: token.hash(),
            created_by: admin,
            created_at: now,
            expires_at,
        };
        let audit = AuditEntry::new(now, Actor::User(admin), "invite.created", admin);
        self.store.create_invite(&invite, &audit).await?;
        Ok((token, expires_at))
    }

    /// Changes a user: here at once, on every replica within a second, for sessions and keys alike.
    async fn change(
        &self,
        user: UserId,
        change: &UserChange,
        now: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<(), Error> {
        let needless_after = needless_after(now);
        let changed = self
            .store
            .change_user(user, change, now, needless_after, audit)
            .await?;
        let ended = ended(changed)?;
        if change.ends_sessions() {
            self.note(ended.into_iter().chain([user.as_uuid()]), now, needless_after);
        }
        Ok(())
    }

    /// Takes over what this replica has revoked itself, without waiting for the next look into the store.
    fn note(
        &self,
        ids: impl IntoIterator<Item = Uuid>,
        revoked_at: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) {
        for id in ids {
            self.revocations.add(Revocation {
                id,
                revoked_at,
                expires_at,
            });
        }
    }
}

/// What ended with a change of a user.
fn ended(change: ChangeUser) -> Result<Vec<Uuid>, Error> {
    match change {
        ChangeUser::Done(ended) => Ok(ended),
        ChangeUser::NoSuchUser => Err(Error::NoSuchUser),
        ChangeUser::LastAdmin => Err(Error::LastAdmin),
    }
}

fn pair(
    signer: &Signer<'_>,
    session: &Session,
    role: Role,
    refresh: &OpaqueToken,
) -> Result<TokenPair, Error> {
    let access = signer.issue(session.user, session.id, role)?;
    Ok(TokenPair {
        access_token: access.token,
        expires_at: access.expires_at,
        refresh_token: refresh.secret().clone(),
        refresh_expires_at: session.expires_at,
    })
}

/// No access token of a session that ends now is accepted after this anyway, whatever two clocks differ by and however
/// long tokens lived before somebody shortened that.
fn needless_after(now: OffsetDateTime) -> OffsetDateTime {
    now + config::LONGEST_ACCESS_TOKEN_TTL + CLOCKS_DIFFER_BY
}

/// Makes an account as the service's owner does, from the command line. `None`: the address has one already.
pub async fn create_account(
    store: &dyn Store,
    passwords: &Passwords,
    email: Email,
    password: &Password,
    role: Role,
) -> Result<Option<UserId>, Error> {
    let now = OffsetDateTime::now_utc();
    let user = new_user(passwords, email, password, role, now).await?;
    let actor = Actor::System("command line".into());
    let audit = AuditEntry::new(now, actor, "user.created", user.id).with_detail(json!({"role": role}));
    let created = store.create_user(&user, None, now, &audit).await?;
    Ok((created == CreateUser::Created).then_some(user.id))
}

async fn new_user(
    passwords: &Passwords,
    email: Email,
    password: &Password,
    role: Role,
    now: OffsetDateTime,
) -> Result<User, Error> {
    Ok(User {
        id: UserId::generate(),
        email,
        password_hash: passwords.hash(password).await?,
        role,
        tier: TierName::default(),
        created_at: now,
        disabled_at: None,
    })
}

fn not_oneself(admin: UserId, user: UserId) -> Result<(), Error> {
    if admin == user {
        Err(Error::OwnRights)
    } else {
        Ok(())
    }
}
