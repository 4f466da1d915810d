use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{Entries, Entry};
use crate::cache::{self, Key, RemoteCache};

/// How often is looked for new events.
const LOOK: Duration = Duration::from_millis(100);

/// How many are taken at once.
const BATCH: u32 = 256;

/// How long a run that somebody follows is told to be read.
const WATCHED: Duration = Duration::from_secs(6);

/// How often that is told.
const BEAT: Duration = Duration::from_secs(2);

/// How long a lost cache is waited for. A client whose stream ends in the middle comes back by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// The events of another replica's run from this number on; `None`: there is none.
pub(super) async fn follow(
    remote: Arc<dyn RemoteCache>,
    key: Key,
    from: u64,
    broken_off: Entry,
) -> Result<Option<Entries>, cache::Error> {
    if remote.entries(&key, 0, 1).await?.is_empty() {
        return Ok(None);
    }
    Ok(Some(Box::pin(async_stream::stream! {
        let mut number = from;
        let mut beat = Instant::now();
        let mut patience = None;
        loop {
            if Instant::now() >= beat {
                beat = Instant::now() + BEAT;
                let _ = remote.set(&key.watched(), b"1", WATCHED).await;
            }
            // Asked before the events are, so that none comes in between that is overlooked.
            let alive = remote.get(&key.alive()).await;
            match (remote.entries(&key, number, BATCH).await, alive) {
                (Ok(lines), alive) if !lines.is_empty() || !matches!(alive, Ok(None)) => {
                    patience = None;
                    let none = lines.is_empty();
                    for line in lines {
                        let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { return };
                        let is_last = entry.is_last();
                        yield (number, entry);
                        if is_last {
                            return;
                        }
                        number += 1;
                    }
                    if none {
                        // What is asked for may lie beyond the end.
                        if is_over(&remote, &key).await {
                            return;
                        }
                        sleep(LOOK).await;
                    }
                }
                (Ok(_), _) => {
                    if !is_over(&remote, &key).await {
                        yield (number, broken_off);
                    }
                    return;
                }
                (Err(error), _) => {
                    if Instant::now() >= *patience.get_or_insert(Instant::now() + PATIENCE) {
                        tracing::warn!(%error, "a run of another replica cannot be followed any more");
                        return;
                    }
                    sleep(LOOK).await;
                }
            }
        }
    })))
}

/// Whether the run's last event is there.
async fn is_over(remote: &Arc<dyn RemoteCache>, key: &Key) -> bool {
    let last = remote.last_entry(key).await.ok().flatten();
    let last = last.and_then(|line| serde_json::from_slice::<Entry>(&line).ok());
    last.is_some_and(|entry| entry.is_last())
}
