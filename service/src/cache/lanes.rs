//! One computation at a time for each key, in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::OwnedMutexGuard;

use super::Key;

/// Who works on which key.
#[derive(Clone, Default)]
pub(super) struct Lanes(Arc<Mutex<HashMap<Key, Lane>>>);

/// Holds whether somebody has found out that the answer cannot be shared.
type Lane = Arc<tokio::sync::Mutex<bool>>;

/// A place in the lane of a key. Dropped in the middle of the work, it lets the next one work.
pub(super) struct Place {
    lanes: Lanes,
    key: Key,
    /// There until this is dropped.
    lane: Option<Lane>,
    leads: Option<OwnedMutexGuard<bool>>,
    waited: bool,
}

impl Lanes {
    /// Waits until nobody else works on the key, and not longer than this.
    pub(super) async fn enter(&self, key: &Key, patience: Duration) -> Place {
        let lane = self.lock().entry(key.clone()).or_default().clone();
        // Made before the wait, so that whoever gives up waiting leaves nothing behind.
        let mut place = Place {
            lanes: self.clone(),
            key: key.clone(),
            lane: Some(lane.clone()),
            leads: None,
            waited: false,
        };
        if let Ok(free) = lane.clone().try_lock_owned() {
            place.leads = Some(free);
            return place;
        }
        place.waited = true;
        // Where the one before has an answer that cannot be shared, those who waited for it work side by side: one
        // after the other they would wait for hours.
        place.leads = tokio::time::timeout(patience, lane.lock_owned())
            .await
            .ok()
            .filter(|unshared| !**unshared);
        place
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.lock().len()
    }
}

impl Place {
    /// Whether the others wait for this one.
    pub(super) fn leads(&self) -> bool {
        self.leads.is_some()
    }

    /// Whether somebody else worked on the key in the meantime.
    pub(super) fn has_waited(&self) -> bool {
        self.waited
    }

    /// Tells those who wait that there will be nothing for them.
    pub(super) fn cannot_share(&mut self) {
        if let Some(unshared) = &mut self.leads {
            **unshared = true;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leads = None;
        let mut lanes = self.lanes.lock();
        // Given up while the table is locked: of two that end at the same time one has to be the last.
        self.lane = None;
        // Only the table's own is left: nobody waits, and nobody can begin to meanwhile.
        if lanes
            .get(&self.key)
            .is_some_and(|lane| Arc::strong_count(lane) == 1)
        {
            lanes.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::domain::Account;

    const PATIENCE: Duration = Duration::from_secs(60);
    const WORK: Duration = Duration::from_secs(1);

    fn key(name: &str) -> Key {
        Key::analysis(Account::Anonymous, &name).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_works_at_a_time_and_a_key_that_nobody_works_on_is_forgotten() {
        let lanes = Lanes::default();
        let leaders = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        let all = (0..5).map(|_| {
            let (lanes, leaders) = (lanes.clone(), leaders.clone());
            tokio::spawn(async move {
                let place = lanes.enter(&key("one"), PATIENCE).await;
                if !place.has_waited() {
                    leaders.fetch_add(1, Ordering::SeqCst);
                    sleep(WORK).await;
                }
            })
        });
        for task in all.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(leaders.load(Ordering::SeqCst), 1);
        assert_eq!(started.elapsed(), WORK);
        assert_eq!(lanes.count(), 0);
    }

    #[test]
    fn those_who_end_at_the_same_time_leave_nothing_behind() {
        let lanes = Lanes::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let place = || runtime.block_on(lanes.enter(&key("one"), Duration::ZERO));
        let meeting = std::sync::Barrier::new(2);
        for _ in 0..20_000 {
            let places = [place(), place()];
            std::thread::scope(|scope| {
                for place in places {
                    let meeting = &meeting;
                    scope.spawn(move || {
                        meeting.wait();
                        drop(place);
                    });
                }
            });
            assert_eq!(lanes.count(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_dropped_in_the_middle_hands_on_to_exactly_one() {
        let lanes = Lanes::default();
        let first = lanes.enter(&key("one"), PATIENCE).await;
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let lanes = lanes.clone();
                tokio::spawn(async move { lanes.enter(&key("one"), PATIENCE).await })
            })
            .collect();
        sleep(WORK).await;
        drop(first);
        sleep(WORK).await;
        let finished: Vec<_> = waiting.iter().filter(|task| task.is_finished()).collect();
        assert_eq!(finished.len(), 1);
        for task in waiting {
            assert!(task.await.unwrap().leads());
        }
        assert_eq!(lanes.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_cannot_be_shared_sets_all_who_wait_free_at_once() {
        let lanes = Lanes::default();
        let mut first = lanes.enter(&key("one"), PATIENCE).await;
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let lanes = lanes.clone();
                tokio::spawn(async move { lanes.enter(&key("one"), PATIENCE).await })
            })
            .collect();
        sleep(WORK).await;
        first.cannot_share();
        drop(first);
        let mut places = Vec::new();
        for task in waiting {
            // All places are held: nobody waits for another.
            places.push(tokio::time::timeout(WORK, task).await.unwrap().unwrap());
        }
        assert!(places.iter().all(|place| place.has_waited() && !place.leads()));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_other_keys_do_not_wait() {
        let lanes = Lanes::default();
        let _held = lanes.enter(&key("one"), PATIENCE).await;
        assert!(lanes.enter(&key("other"), PATIENCE).await.leads());
        let started = Instant::now();
        let late = lanes.enter(&key("one"), WORK).await;
        assert_eq!((late.leads(), started.elapsed()), (false, WORK));
    }
}
