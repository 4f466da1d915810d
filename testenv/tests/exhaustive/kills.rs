use std::{ops::Range, time::Duration};

use rand::RngExt;
use serde_json::json;

use super::{killing::PrivateHost, session::Session};

const RUNS: usize = 50;

/// From before the first container to after the last.
const MOMENTS: Range<u64> = 0..6_000;

const DEADLINE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn fifty_runs_that_are_killed_at_random_moments_leave_nothing() {
    let mut with_containers = 0;
    for run in 1..=RUNS {
        let mut host = PrivateHost::start();
        let clients: Vec<_> = (0..2)
            .map(|_| tokio::task::spawn_blocking(client(&host)))
            .collect();
        let moment = Duration::from_millis(rand::rng().random_range(MOMENTS));
        tokio::time::sleep(moment).await;
        with_containers += usize::from(!host.containers().await.is_empty());
        host.kill();
        host.expect_nothing_left(DEADLINE).await;
        for client in clients {
            // It ends with an error at the latest when its host is gone.
            client.await.unwrap();
        }
        println!("run {run} of {RUNS}, killed after {moment:?}, left nothing");
    }
    assert!(
        with_containers > RUNS / 10,
        "only {with_containers} runs were killed while they had containers"
    );
}

/// Asks for shared and for dedicated containers until the host is gone.
fn client(host: &PrivateHost) -> impl FnOnce() + Send + 'static {
    let socket = host.socket().to_owned();
    move || {
        let Some(mut session) = Session::open(&socket) else {
            return;
        };
        for dedicated in [false, true, true] {
            let stack = json!({
                "postgres": true, "redis": true, "service": null,
                "dedicated": dedicated, "small_disk": false, "kept": false,
            });
            let Some(answer) = session.ask(&json!({"stack": stack})) else {
                return;
            };
            assert!(answer.get("stack").is_some(), "{answer}");
        }
        session.until_closed();
    }
}
