//! What this process knows of a day: all there is to know without a Redis; with one, what has to be known when it is
//! lost, and what it has to be told when it is back.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use time::Date;

use super::amount::{Amount, Quota};
use crate::limits::subject::Subject;

/// The most accounts that are kept; beyond it, those go that have nothing under way and nothing that only this
/// process knows.
const MOST: usize = 100_000;

/// One day of one account.
#[derive(Debug, Clone, Copy)]
struct Account {
    day: Date,
    /// What was used when this was last known from where all replicas write: Redis or the store.
    known: Option<Amount>,
    /// What was spent here since, that nobody else has been told.
    own: Amount,
    /// What is set aside here.
    held: Amount,
}

/// Accounts of this day.
#[derive(Default)]
pub(super) struct Local(Mutex<HashMap<Subject, Account>>);

impl Local {
    /// Whether it is known what was used before.
    pub(super) fn knows(&self, subject: Subject, day: Date) -> bool {
        let accounts = self.lock();
        let account = accounts.get(&subject).filter(|account| account.day == day);
        account.is_some_and(|account| account.known.is_some())
    }

    /// Takes over what is used of the day.
    pub(super) fn learn(&self, subject: Subject, day: Date, known: Amount) {
        account(&mut self.lock(), subject, day).known = Some(known);
    }

    /// Sets aside what a request can take, if a quota has as much left; of what others leave, a part only. Says what
    /// is spent and set aside, and whether it was.
    pub(super) fn reserve(
        &self,
        subject: Subject,
        day: Date,
        amount: Amount,
        quota: Quota,
        replicas: u32,
    ) -> (bool, Amount, Amount) {
        let mut accounts = self.lock();
        let account = account(&mut accounts, subject, day);
        let known = account.known.unwrap_or_default();
        let admitted = quota
            .share(known, replicas)
            .admits(account.own + account.held + amount);
        if admitted {
            account.held += amount;
        }
        (admitted, known + account.own, account.held)
    }

    /// Spends what a request has really taken, and gives back the rest.
    pub(super) fn settle(&self, subject: Subject, day: Date, held: Amount, spent: Amount) {
        let mut accounts = self.lock();
        // A request that began yesterday is yesterday's, of which nothing is kept.
        if let Some(account) = accounts.get_mut(&subject).filter(|account| account.day == day) {
            account.held = account.held - held;
            account.own += spent;
        }
    }

    /// What is to be told to the others; it is theirs from now on.
    pub(super) fn take_own(&self, subject: Subject, day: Date) -> Amount {
        let mut accounts = self.lock();
        match accounts.get_mut(&subject).filter(|account| account.day == day) {
            Some(account) => std::mem::take(&mut account.own),
            None => Amount::default(),
        }
    }

    /// Of whom something is to be told.
    pub(super) fn with_own(&self) -> Vec<(Subject, Date)> {
        let accounts = self.lock();
        let own = accounts
            .iter()
            .filter(|(_, account)| account.own != Amount::default());
        own.map(|(subject, account)| (*subject, account.day)).collect()
    }

    /// Adds what was spent, where nobody else could be told.
    pub(super) fn add_own(&self, subject: Subject, day: Date, spent: Amount) {
        let mut accounts = self.lock();
        // What belongs to a day that is over takes nothing away from the one that is.
        let is_over = accounts.get(&subject).is_some_and(|account| account.day > day);
        if spent != Amount::default() && !is_over {
            account(&mut accounts, subject, day).own += spent;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn account(accounts: &mut HashMap<Subject, Account>, subject: Subject, day: Date) -> &mut Account {
    if accounts.len() >= MOST && !accounts.contains_key(&subject) {
        make_room(accounts, day);
    }
    let fresh = Account {
        day,
        known: None,
        own: Amount::default(),
        held: Amount::default(),
    };
    let account = accounts.entry(subject).or_insert(fresh);
    if account.day != day {
        *account = fresh;
    }
    account
}

/// Forgets other days, then what the store knows as well, then everything: never more than half is left, so that this
/// is not done at each request.
fn make_room(accounts: &mut HashMap<Subject, Account>, day: Date) {
    let nothing = Amount::default();
    accounts.retain(|_, account| account.day == day);
    if accounts.len() > MOST / 2 {
        accounts.retain(|subject, account| {
            account.held != nothing || (account.own != nothing && matches!(subject, Subject::Anonymous(_)))
        });
    }
    if accounts.len() > MOST / 2 {
        accounts.retain(|_, account| account.held != nothing);
    }
    if accounts.len() > MOST / 2 {
        tracing::warn!("limits: more accounts at once than can be remembered; their quotas begin anew");
        accounts.clear();
    }
}
