//! Password hashing: argon2id, off the async threads, so many at a time as there are cores and no more.

mod pulse;

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::Semaphore, time::timeout};

use crate::{config::PasswordHashing, domain::Password};
use pulse::Pulse;

/// How long a request waits for its turn. Hashes are made in tens of milliseconds, so that a longer wait means an
/// attack or a stampede, and waiting longer would only pile it up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    pulse: Arc<Pulse>,
    /// What a password is compared with where there is no account, so that the answer takes the same time.
    nobodys: SecretString,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It is the password.
    Match {
        /// Whether its hash was made with weaker parameters than today's, or other ones.
        outdated: bool,
    },
    /// It is not, or there is no account.
    Mismatch,
}

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many others are before it.
    #[error("too many passwords are being checked")]
    Busy,
    /// The parameters are refused, or the system gave no randomness.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

impl Passwords {
    /// With these parameters. One core is left to everything else where there are several.
    pub fn new(config: &PasswordHashing) -> Result<Self, Error> {
        let params = Params::new(config.memory_kib, config.iterations, 1, None)
            .map_err(|error| Error::Hash(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            argon2,
            turns: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            pulse: Arc::new(Pulse::new()),
            nobodys: nobodys_hash(config),
        })
    }

    /// A new hash with a salt of its own, as a PHC string.
    pub async fn hash(&self, password: &Password) -> Result<SecretString, Error> {
        let (argon2, password) = (self.argon2.clone(), password.clone());
        self.in_turn(move || hash(&argon2, password.secret().expose_secret()))
            .await?
    }

    /// Compares a password with an account's hash. Without an account it takes as long, and never matches.
    pub async fn check(&self, password: SecretString, account: Option<SecretString>) -> Result<Check, Error> {
        let argon2 = self.argon2.clone();
        let exists = account.is_some();
        let known = account.unwrap_or_else(|| self.nobodys.clone());
        let check = self.in_turn(move || check(&argon2, &password, &known)).await?;
        Ok(if exists { check } else { Check::Mismatch })
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| Error::Busy)?;
        let pulse = Arc::clone(&self.pulse);
        let done = tokio::task::spawn_blocking(move || {
            // A request that is given up meanwhile must not let another one begin.
            let _turn = turn;
            let _beating = pulse.beat();
            work()
        });
        done.await.map_err(|error| Error::Hash(error.to_string()))
    }
}

/// A hash that no password has: drawn and not computed, so that a start does not wait for it. Comparing with it costs as
/// much as with any other.
fn nobodys_hash(config: &PasswordHashing) -> SecretString {
    let PasswordHashing {
        memory_kib,
        iterations,
    } = config;
    let salt = STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>());
    let hash = STANDARD_NO_PAD.encode(rand::random::<[u8; 32]>());
    SecretString::from(format!(
        "$argon2id$v=19$m={memory_kib},t={iterations},p=1${salt}${hash}"
    ))
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<SecretString, Error> {
    argon2
        .hash_password(password.as_bytes())
        .map(|hash| SecretString::from(hash.to_string()))
        .map_err(|error| Error::Hash(error.to_string()))
}

fn check(argon2: &Argon2<'_>, password: &SecretString, known: &SecretString) -> Check {
    let Ok(known) = PasswordHash::new(known.expose_secret()) else {
        return Check::Mismatch;
    };
    match argon2.verify_password(password.expose_secret().as_bytes(), &known) {
        Ok(()) => Check::Match {
            outdated: is_outdated(argon2, &known),
        },
        Err(_) => Check::Mismatch,
    }
}

fn is_outdated(argon2: &Argon2<'_>, known: &PasswordHash) -> bool {
    let today = argon2.params();
    let same = |params: Params| {
        params.m_cost() == today.m_cost()
            && params.t_cost() == today.t_cost()
            && params.p_cost() == today.p_cost()
    };
    known.algorithm.as_str() != "argon2id" || !Params::try_from(known).is_ok_and(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(iterations: u32) -> Passwords {
        Passwords::new(&PasswordHashing {
            memory_kib: 64,
            iterations,
        })
        .unwrap()
    }

    fn password(text: &str) -> Password {
        Password::parse(SecretString::from(text)).unwrap()
    }

    const RIGHT: &str = "correct horse battery staple";

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = passwords(1);
        let hash = passwords.hash(&password(RIGHT)).await.unwrap();
        let check =
            async |text: &str, account| passwords.check(SecretString::from(text), account).await.unwrap();
        assert_eq!(
            check(RIGHT, Some(hash.clone())).await,
            Check::Match { outdated: false }
        );
        assert_eq!(
            check("wrong horse battery staple", Some(hash)).await,
            Check::Mismatch
        );
        assert_eq!(
            check(RIGHT, Some(SecretString::from("no hash"))).await,
            Check::Mismatch
        );
    }

    #[tokio::test]
    async fn where_there_is_no_account_a_whole_hash_is_computed_and_nothing_matches() {
        let passwords = passwords(1);
        let nobodys = PasswordHash::new(passwords.nobodys.expose_secret()).unwrap();
        assert_eq!(Params::try_from(&nobodys).unwrap().m_cost(), 64);
        assert_eq!(nobodys.hash.unwrap().as_bytes().len(), 32);
        let text = SecretString::from(RIGHT);
        assert_eq!(passwords.check(text, None).await.unwrap(), Check::Mismatch);
    }

    #[tokio::test]
    async fn a_hash_with_other_parameters_still_matches_and_is_outdated() {
        let old = passwords(1).hash(&password(RIGHT)).await.unwrap();
        let checked = passwords(2)
            .check(SecretString::from(RIGHT), Some(old))
            .await
            .unwrap();
        assert_eq!(checked, Check::Match { outdated: true });
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let passwords = passwords(1);
        let (one, other) = (
            passwords.hash(&password(RIGHT)).await.unwrap(),
            passwords.hash(&password(RIGHT)).await.unwrap(),
        );
        assert_ne!(one.expose_secret(), other.expose_secret());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_for_a_turn_is_told_so() {
        let passwords = passwords(1);
        let turns = u32::try_from(passwords.turns.available_permits()).unwrap();
        let _all = passwords.turns.acquire_many(turns).await.unwrap();
        let refused = passwords.hash(&password(RIGHT)).await;
        assert!(matches!(refused, Err(Error::Busy)));
    }
}
