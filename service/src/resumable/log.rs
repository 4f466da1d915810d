use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::{Entries, Entry};

/// How many events a reader takes at once.
const BATCH: usize = 64;

/// The events of one run, in this process. A reader that is slow costs nothing but the place where it is.
pub(super) struct Log {
    events: Mutex<Events>,
    /// Told of each event. Its receivers are the readers.
    grown: watch::Sender<()>,
    /// Told of each event too, for whom being told does not make a reader.
    published: Notify,
}

#[derive(Default)]
struct Events {
    entries: Vec<Arc<Entry>>,
    ended: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            events: Mutex::default(),
            grown: watch::Sender::new(()),
            published: Notify::new(),
        }
    }
}

impl Log {
    pub(super) fn push(&self, entry: Entry) {
        self.lock().entries.push(Arc::new(entry));
        self.tell();
    }

    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.tell();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// Whether somebody reads it.
    pub(super) fn is_read(&self) -> bool {
        self.grown.receiver_count() > 0
    }

    /// Waits until nobody does.
    pub(super) async fn nobody_reads(&self) {
        self.grown.closed().await;
    }

    /// Waits until something was added since the last time.
    pub(super) async fn added(&self) {
        self.published.notified().await;
    }

    /// Some events from this number on, and whether there will be no more after them.
    pub(super) fn from(&self, number: u64) -> (Vec<Arc<Entry>>, bool) {
        let events = self.lock();
        let first = usize::try_from(number).unwrap_or(usize::MAX);
        let rest = events.entries.get(first..).unwrap_or_default();
        let some = &rest[..rest.len().min(BATCH)];
        (some.to_vec(), events.ended && some.len() == rest.len())
    }

    /// The events from this number on, as they come.
    pub(super) fn read(self: Arc<Self>, from: u64) -> Entries {
        // Reads from now on, and not only when it is first looked at.
        let mut grown = self.grown.subscribe();
        Box::pin(async_stream::stream! {
            let mut number = from;
            loop {
                grown.mark_unchanged();
                let (entries, is_end) = self.from(number);
                let none = entries.is_empty();
                for entry in entries {
                    yield (number, Entry::clone(&entry));
                    number += 1;
                }
                if is_end {
                    return;
                }
                if none && grown.changed().await.is_err() {
                    return;
                }
            }
        })
    }

    fn tell(&self) {
        self.grown.send_replace(());
        self.published.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
