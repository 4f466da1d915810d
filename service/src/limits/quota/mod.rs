//! What an account may use in a day of UTC: set aside before the calls, and settled after them, so that requests in
//! parallel cannot spend the same token twice.

mod amount;
mod local;
mod reservation;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use redis::Script;
use time::{Date, OffsetDateTime};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

pub use amount::Amount;
pub use reservation::Reservation;

pub(super) use amount::Quota;

use super::{
    redis::{Lost, Redis},
    replicas::Replicas,
    subject::Subject,
};
use crate::{
    domain::{Account, Money},
    metering::{Meter, Prices},
    store,
};
use local::Local;
use reservation::{Place, SetAside};

/// What a killed replica has set aside is free again after this time.
const HELD_FOR: Duration = Duration::from_secs(600);

/// How long a request waits for the store to say what was spent before.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long the store is left alone that did not say it.
const REST: Duration = Duration::from_secs(5);

/// The most that is said again to a Redis that did not answer; more than a replica has requests under way.
const MOST_UNANSWERED: usize = 100_000;

/// How often a replica that counted alone looks whether it can tell the others.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Knows what was spent, from the ledger. It is asked when nobody else remembers: after a restart, or when Redis has
/// lost its memory.
#[async_trait]
pub trait SpentToday: Send + Sync {
    /// What an account has used on a day.
    async fn spent(&self, account: Account, day: Date) -> Result<Amount, store::Error>;
}

/// How a quota stands after a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Balance {
    pub(super) spent: Amount,
    pub(super) held: Amount,
    /// Whether this replica counts alone although it should not, and admits its part of what was left.
    pub(super) alone: bool,
}

/// The quotas of all accounts.
pub(super) struct Quotas {
    local: Local,
    redis: Option<Shared>,
    source: Arc<dyn SpentToday>,
    prices: Prices,
    replicas: Arc<Replicas>,
    store_rests_until: Mutex<Option<Instant>>,
    /// What was said to a Redis that did not answer.
    unanswered: Mutex<VecDeque<Settlement>>,
    handing_over: AtomicBool,
    this: Weak<Self>,
}

/// How a request that had something set aside in Redis has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settlement {
    subject: Subject,
    day: Date,
    id: Uuid,
    /// When it was set aside.
    since: Instant,
    spent: Amount,
}

struct Shared {
    redis: Redis,
    reserve: Script,
    settle: Script,
}

/// Whether Redis was told before, and may have heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Once,
    Again,
}

/// The answer of the script: as `Balance`, and what became of the request.
type Answer = (i64, u64, u64, u64, u64);

impl Quotas {
    pub(super) fn new(
        redis: Option<Redis>,
        source: Arc<dyn SpentToday>,
        prices: Prices,
        replicas: Arc<Replicas>,
    ) -> Arc<Self> {
        let redis = redis.map(|redis| Shared {
            redis,
            reserve: Script::new(include_str!("reserve.lua")),
            settle: Script::new(include_str!("settle.lua")),
        });
        Arc::new_cyclic(|this| Self {
            local: Local::default(),
            redis,
            source,
            prices,
            replicas,
            store_rests_until: Mutex::default(),
            unanswered: Mutex::default(),
            handing_over: AtomicBool::new(false),
            this: this.clone(),
        })
    }

    /// What calls come to.
    pub(super) fn amount(&self, meter: &Meter) -> Amount {
        let (usage, money) = meter.taken(&self.prices);
        Amount {
            tokens: usage.total(),
            money,
        }
    }

    /// Sets aside what a request can take. `None`: there is not as much left.
    pub(super) async fn reserve(
        self: &Arc<Self>,
        subject: Subject,
        quota: Quota,
        amount: Amount,
    ) -> (Option<SetAside>, Balance) {
        let (day, amount) = (today(), amount.countable());
        if let Some(shared) = &self.redis {
            // Held from before the call, so that one that is given up halfway gives back what it took.
            let mut held = SetAside::new(self, subject, day, amount, Place::in_redis());
            match self.reserve_remotely(shared, &held, quota).await {
                Ok((true, balance)) => return (Some(held), balance),
                Ok((false, balance)) => {
                    held.disarm();
                    return (None, balance);
                }
                Err(Lost) => {
                    held.disarm();
                    self.abandon(&held);
                }
            }
            self.hand_over_once_redis_is_back();
        } else {
            self.learn_once(subject, day).await;
        }
        let alone = self.redis.is_some();
        let replicas = if alone { self.replicas.count() } else { 1 };
        let (admitted, spent, held) = self.local.reserve(subject, day, amount, quota, replicas);
        let set_aside = admitted.then(|| SetAside::new(self, subject, day, amount, Place::Here));
        (set_aside, Balance { spent, held, alone })
    }

    /// What is used and set aside of this day.
    pub(super) async fn look(&self, subject: Subject) -> Balance {
        let day = today();
        if let Some(shared) = &self.redis
            && let Ok((_, balance)) = self
                .run_reserve(shared, subject, day, "", Amount::default(), Quota::default())
                .await
        {
            return balance;
        }
        if self.redis.is_none() {
            self.learn_once(subject, day).await;
        }
        let nothing = Amount::default();
        let (_, spent, held) = self.local.reserve(subject, day, nothing, Quota::default(), 1);
        let alone = self.redis.is_some();
        Balance { spent, held, alone }
    }

    /// A process without a Redis asks the store what was spent before it started.
    async fn learn_once(&self, subject: Subject, day: Date) {
        if !self.local.knows(subject, day)
            && let Some(spent) = self.ask_store(subject, day).await
        {
            self.local.learn(subject, day, spent);
        }
    }

    async fn reserve_remotely(
        &self,
        shared: &Shared,
        held: &SetAside,
        quota: Quota,
    ) -> Result<(bool, Balance), Lost> {
        let Place::Redis(id, _) = held.place else {
            return Err(Lost);
        };
        let id = id.to_string();
        self.run_reserve(shared, held.subject, held.day, &id, held.amount, quota)
            .await
    }

    async fn run_reserve(
        &self,
        shared: &Shared,
        subject: Subject,
        day: Date,
        id: &str,
        amount: Amount,
        quota: Quota,
    ) -> Result<(bool, Balance), Lost> {
        let own = Own::take(self, subject, day);
        let most = |quota: Option<u64>| quota.map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX));
        let mut script = shared.reserve.prepare_invoke();
        let [account, expiry] = keys(subject, day);
        script.key(account).key(expiry);
        script.arg(id).arg(amount.tokens).arg(amount.money.millionths());
        script
            .arg(most(quota.tokens))
            .arg(most(quota.money.map(Money::millionths)));
        script.arg(u64::try_from(HELD_FOR.as_millis()).unwrap_or(u64::MAX));
        script.arg(own.amount.tokens).arg(own.amount.money.millionths());
        let mut answer: Answer = shared.redis.run(&script).await?;
        if answer.0 < 0 {
            let spent = self.ask_store(subject, day).await.ok_or(Lost)?;
            script.arg(spent.tokens).arg(spent.money.millionths());
            answer = shared.redis.run(&script).await?;
        }
        own.forget();
        let (admitted, tokens, money, held_tokens, held_money) = answer;
        let amount = |tokens, money| Amount {
            tokens,
            money: Money::from_millionths(money),
        };
        let (spent, held) = (amount(tokens, money), amount(held_tokens, held_money));
        self.local.learn(subject, day, spent + held);
        Ok((
            admitted == 1,
            Balance {
                spent,
                held,
                alone: false,
            },
        ))
    }

    /// A Redis that hangs may set it aside all the same, when it goes on.
    fn abandon(&self, held: &SetAside) {
        if let Place::Redis(id, since) = held.place {
            self.say_later(Settlement {
                subject: held.subject,
                day: held.day,
                id,
                since,
                spent: Amount::default(),
            });
        }
    }

    /// Spends what a request has really taken, and gives back the rest of what it had set aside.
    async fn settle(&self, settlement: Settlement) {
        let Some(shared) = &self.redis else { return };
        if self.run_settle(shared, settlement, Said::Once).await == Err(Lost) {
            self.say_later(settlement);
            self.hand_over_once_redis_is_back();
        }
    }

    fn say_later(&self, settlement: Settlement) {
        let mut unanswered = self.unanswered();
        if unanswered.len() >= MOST_UNANSWERED {
            unanswered.pop_front();
        }
        unanswered.push_back(settlement);
    }

    fn unanswered(&self) -> MutexGuard<'_, VecDeque<Settlement>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle_here(&self, subject: Subject, day: Date, held: Amount, spent: Amount) {
        self.local.settle(subject, day, held, spent);
    }

    /// Says whether Redis knows the day. Where it does not, the store is asked before the next request.
    async fn run_settle(&self, shared: &Shared, settlement: Settlement, said: Said) -> Result<bool, Lost> {
        let Settlement {
            subject,
            day,
            id,
            since,
            spent,
        } = settlement;
        let mut script = shared.settle.prepare_invoke();
        let [account, expiry] = keys(subject, day);
        script.key(account).key(expiry).arg(id.to_string());
        script.arg(spent.tokens).arg(spent.money.millionths());
        // What is not set aside any more, and has not expired, was settled by a call whose answer got lost.
        let only_if_held = said == Said::Again && since.elapsed() < HELD_FOR;
        script.arg(u8::from(only_if_held));
        shared.redis.run(&script).await
    }

    async fn ask_store(&self, subject: Subject, day: Date) -> Option<Amount> {
        // Of somebody without a name nothing is written down but that they have none.
        let Subject::User(user) = subject else {
            return Some(Amount::default());
        };
        let rests_until = || {
            self.store_rests_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if rests_until().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        match timeout(PATIENCE, self.source.spent(Account::User(user), day)).await {
            Ok(Ok(spent)) => Some(spent.countable()),
            failed => {
                *rests_until() = Some(Instant::now() + REST);
                tracing::warn!(?failed, "limits: it is not known what was spent before");
                None
            }
        }
    }

    fn hand_over_once_redis_is_back(&self) {
        if self.handing_over.swap(true, Ordering::Relaxed) {
            return;
        }
        let this = self.this.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let Some(this) = this.upgrade() else { return };
                // What comes meanwhile is not overlooked: it begins another of these.
                this.handing_over.store(false, Ordering::Relaxed);
                if this.hand_over().await.is_ok() || this.handing_over.swap(true, Ordering::Relaxed) {
                    return;
                }
            }
        });
    }

    /// Tells the others what was spent here while nobody could be told.
    async fn hand_over(&self) -> Result<(), Lost> {
        let Some(shared) = &self.redis else { return Ok(()) };
        if !shared.redis.can_be_asked() {
            return Err(Lost);
        }
        for (subject, day) in self.local.with_own() {
            let own = Own::take(self, subject, day);
            let settlement = Settlement {
                subject,
                day,
                id: Uuid::new_v4(),
                since: Instant::now(),
                spent: own.amount,
            };
            // Where nobody knows the day, because the store is away too, this replica goes on with its own count.
            if self.run_settle(shared, settlement, Said::Once).await? {
                own.forget();
            }
        }
        loop {
            let next = self.unanswered().pop_front();
            let Some(settlement) = next else { return Ok(()) };
            if self.run_settle(shared, settlement, Said::Again).await == Err(Lost) {
                self.unanswered().push_front(settlement);
                return Err(Lost);
            }
        }
    }
}

/// What only this process knows, on its way to the others. Whatever stops it, it is not lost.
struct Own<'a> {
    quotas: &'a Quotas,
    subject: Subject,
    day: Date,
    amount: Amount,
}

impl<'a> Own<'a> {
    fn take(quotas: &'a Quotas, subject: Subject, day: Date) -> Self {
        let amount = quotas.local.take_own(subject, day);
        Self {
            quotas,
            subject,
            day,
            amount,
        }
    }

    fn forget(mut self) {
        self.amount = Amount::default();
    }
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        self.quotas.local.add_own(self.subject, self.day, self.amount);
    }
}

fn keys(subject: Subject, day: Date) -> [String; 2] {
    ["spent", "held"].map(|what| format!("ultra:v1:{{{subject}}}:{what}:{day}"))
}

fn today() -> Date {
    OffsetDateTime::now_utc().date()
}

/// How long the day lasts still.
pub(super) fn rest_of_the_day() -> Duration {
    const DAY: u64 = 86_400;
    let second = OffsetDateTime::now_utc().unix_timestamp().rem_euclid(86_400);
    Duration::from_secs(DAY - u64::try_from(second).unwrap_or_default())
}
