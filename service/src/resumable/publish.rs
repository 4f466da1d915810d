use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{GRACE, KEPT, log::Log};
use crate::cache::{Key, RemoteCache};

/// How long the others believe that a run goes on whose replica they have not heard of.
pub(super) const ALIVE: Duration = Duration::from_secs(6);

/// How often they hear of it.
const BEAT: Duration = Duration::from_secs(2);

/// Carries a run's events to where all replicas see them, until it is over. While that is lost they wait here.
pub(super) async fn publish(remote: Arc<dyn RemoteCache>, key: Key, log: Arc<Log>) {
    let mut number = 0;
    let mut beat = Instant::now();
    let mut lost_until = None;
    loop {
        if Instant::now() >= beat {
            beat = Instant::now() + BEAT;
            // Who is not heard of is given up; a heartbeat that is lost is followed by the next.
            let _ = remote.set(&key.alive(), b"1", ALIVE).await;
        }
        let (entries, is_end) = log.from(number);
        if entries.is_empty() && is_end {
            return;
        }
        let lines: Vec<Vec<u8>> = entries
            .iter()
            .map(|entry| serde_json::to_vec(&**entry).unwrap_or_default())
            .collect();
        if lines.is_empty() {
            let _ = timeout_at(beat, log.added()).await;
            continue;
        }
        match remote.append(&key, number, &lines, KEPT).await {
            Ok(()) => {
                number += lines.len() as u64;
                lost_until = None;
            }
            Err(error) => {
                // Nobody would look for them any more.
                let until = *lost_until.get_or_insert(Instant::now() + GRACE);
                if is_end && Instant::now() >= until {
                    tracing::warn!(%error, "events of a run could not be shared with the other replicas");
                    return;
                }
                tokio::time::sleep(BEAT).await;
            }
        }
    }
}
