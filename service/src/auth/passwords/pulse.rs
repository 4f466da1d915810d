//! Makes the kernel look more often at who should run while passwords are hashed.
//!
//! A hash computes for many milliseconds and never waits. Whoever is woken on its core meanwhile may be entitled to run,
//! but where that is not so at this very moment, the kernel looks again at its next tick only: up to 4 ms later, for
//! every request that comes in. Something that wakes up shortly on that core makes it look then (docs/adr/0012).

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError},
    thread,
    time::Duration,
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How often the kernel is made to look. Each costs some 2 µs of a core.
const INTERVAL: Duration = Duration::from_micros(250);

/// How long each look may take, in nanoseconds: the shortest that the kernel knows. Whoever asks for so little is let in
/// before one who asks for more.
const SLICE: u64 = 100_000;

/// On larger machines there is nearly always an idle core, and whoever wakes up is put there.
const MOST_CORES: usize = 8;

/// Threads, one for each core, that wake up again and again as long as somebody hashes, and rest otherwise.
pub(super) struct Pulse {
    shared: Arc<Shared>,
    begin: Once,
}

/// As long as this lives, the pulse beats.
pub(super) struct Beating<'a>(&'a Shared);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// What a thread does between two looks at the state.
    beat: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    hashing: usize,
    ended: bool,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self::of(|| thread::sleep(INTERVAL))
    }

    fn of(beat: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                changed: Condvar::new(),
                beat: Box::new(beat),
            }),
            begin: Once::new(),
        }
    }

    /// Beats from now on, until the last of these is dropped. The threads are made for the first.
    pub(super) fn beat(&self) -> Beating<'_> {
        self.begin.call_once(|| self.start());
        self.shared.lock().hashing += 1;
        self.shared.changed.notify_all();
        Beating(&self.shared)
    }

    fn start(&self) {
        let cores = cores().unwrap_or_default();
        if cores.len() > MOST_CORES {
            return;
        }
        for core in cores {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("pulse".to_owned());
            let started = thread.spawn(move || match settle(core) {
                Ok(()) => shared.follow(),
                Err(error) => tracing::debug!(core, %error, "no pulse while passwords are hashed"),
            });
            if let Err(error) = started {
                tracing::debug!(core, %error, "no pulse while passwords are hashed");
            }
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Beating<'_> {
    fn drop(&mut self) {
        self.0.lock().hashing -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self) {
        loop {
            let resting = |state: &mut State| state.hashing == 0 && !state.ended;
            let state = self.changed.wait_while(self.lock(), resting);
            if state.unwrap_or_else(PoisonError::into_inner).ended {
                return;
            }
            (self.beat)();
        }
    }
}

/// The cores that this process may run on.
fn cores() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect())
}

/// Keeps this thread on a core, and asks for the shortest slices there. A container's rules may forbid either.
fn settle(core: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only)?;
    let mut attributes = uapi::sched_getattr(0, 0)?;
    attributes.sched_runtime = SLICE;
    Ok(uapi::sched_setattr(0, &attributes, 0)?)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::Instant,
    };

    use super::*;

    /// Waits for what must come, by looking.
    fn until(what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !condition() {
            assert!(Instant::now() < deadline, "not in time: {what}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn it_beats_as_long_as_anybody_hashes_and_rests_after_the_last() {
        let beats = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&beats);
        let pulse = Pulse::of(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            thread::sleep(INTERVAL);
        });
        let count = || beats.load(Ordering::Relaxed);
        let goes_on = |what: &str| {
            let before = count();
            until(what, || count() > before + 10);
        };
        assert_eq!(count(), 0);
        let (first, second) = (pulse.beat(), pulse.beat());
        goes_on("it beats for two");
        drop(first);
        goes_on("it beats for the second");
        drop(second);
        until("it rests", || {
            let before = count();
            thread::sleep(INTERVAL * 100);
            count() == before
        });
        let third = pulse.beat();
        goes_on("it beats again");
        drop(third);

        let shared = Arc::downgrade(&pulse.shared);
        drop(pulse);
        until("its threads end with it", || shared.strong_count() == 0);
    }

    #[test]
    fn this_machine_lets_a_thread_settle_on_each_of_its_cores() {
        for core in cores().unwrap() {
            let settled = thread::spawn(move || {
                let before = uapi::sched_getattr(0, 0)?.sched_runtime;
                settle(core)?;
                Ok::<_, io::Error>((cores()?, before, uapi::sched_getattr(0, 0)?.sched_runtime))
            });
            let (cores, before, after) = settled.join().unwrap().unwrap();
            assert_eq!(cores, [core]);
            // Linux before 6.12 knows no slices, and takes no notice.
            assert_eq!(after, if before == 0 { 0 } else { SLICE });
        }
    }
}
