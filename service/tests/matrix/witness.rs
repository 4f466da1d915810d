//! Whether Postgres and Redis themselves, and the machine that all share, kept up. Somebody else talks to both all the
//! while; in a moment in which they answered him late, a service that waits no longer than it says has to do without
//! them too, and nothing is held against it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;
use ultra_testenv::{Part, Stack};

/// Half of what the service waits for Redis, and less for the database: well above the time of an answer.
const LATE: Duration = Duration::from_millis(250);

/// How long the service may do without what was late once: until the next look, and that look.
const AFTERMATH: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(50);

/// Late answers, from their question on.
type Late = Arc<Mutex<Vec<(Part, Instant, Instant)>>>;

/// Somebody who talks to both until it is dropped.
pub(super) struct Witness {
    late: Late,
    _tasks: JoinSet<()>,
}

impl Witness {
    pub(super) fn start(stack: &Stack) -> Self {
        let (late, mut tasks) = (Late::default(), JoinSet::new());
        tasks.spawn(watch_postgres(stack.postgres().url().to_owned(), late.clone()));
        tasks.spawn(watch_redis(stack.redis().url().to_owned(), late.clone()));
        Self { late, _tasks: tasks }
    }

    /// Whether it answered late, in a way that the service may have noticed at this time.
    pub(super) fn saw_late(&self, part: Part, from: Instant, to: Instant) -> bool {
        let late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        late.iter()
            .any(|(of, asked, answered)| *of == part && *asked <= to && *answered + AFTERMATH >= from)
    }
}

fn note(late: &Late, part: Part, asked: Instant) {
    if asked.elapsed() >= LATE {
        let mut late = late.lock().unwrap_or_else(PoisonError::into_inner);
        late.push((part, asked, Instant::now()));
    }
}

async fn watch_postgres(url: String, late: Late) {
    loop {
        if let Ok(mut connection) = PgConnection::connect(&url).await {
            let mut asked = Instant::now();
            while connection.ping().await.is_ok() {
                note(&late, Part::Postgres, asked);
                tokio::time::sleep(PAUSE).await;
                asked = Instant::now();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn watch_redis(url: String, late: Late) {
    let client = Client::open(url).unwrap();
    let patient = AsyncConnectionConfig::new().set_response_timeout(None);
    loop {
        if let Ok(mut connection) = client
            .get_multiplexed_async_connection_with_config(&patient)
            .await
        {
            let mut asked = Instant::now();
            while redis::cmd("PING").exec_async(&mut connection).await.is_ok() {
                note(&late, Part::Redis, asked);
                tokio::time::sleep(PAUSE).await;
                asked = Instant::now();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
