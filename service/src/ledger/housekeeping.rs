use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::time::sleep;

use crate::store::UsageStore;

/// How often is looked after the ledger's months.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// How long to wait before the next try, when the store or its schema is not there.
const AGAIN: Duration = Duration::from_secs(5);

/// How far ahead months are made.
const AHEAD: time::Duration = time::Duration::days(45);

/// Makes the months that come and removes those that are older than `retention`. Every replica does; what one has
/// done, another finds done.
pub async fn keep_house(store: Arc<dyn UsageStore>, retention: Duration) {
    let mut told = false;
    loop {
        let today = OffsetDateTime::now_utc().date();
        let kept = async {
            store.prepare_usage(today, today + AHEAD).await?;
            store.forget_usage(retention).await
        };
        match kept.await {
            Ok(forgotten) => {
                told = false;
                if forgotten > 0 {
                    tracing::info!(forgotten, ?retention, "usage records older than this are removed");
                }
                sleep(INTERVAL).await;
            }
            Err(error) => {
                if !told {
                    told = true;
                    tracing::warn!(%error, "the ledger's months are not looked after yet");
                }
                sleep(AGAIN).await;
            }
        }
    }
}
