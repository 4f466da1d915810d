use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use ultra_testenv::Stack;

/// Half of what is measured is faster than the second value, 95 in 100 than the third.
struct Figures {
    what: &'static str,
    p50: Duration,
    p95: Duration,
}

impl Figures {
    fn of(what: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self {
            what,
            p50: times[times.len() / 2],
            p95: times[times.len() * 95 / 100],
        }
    }

    fn print(&self) -> &Self {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        println!(
            "{}: p50 {:.1} ms, p95 {:.1} ms",
            self.what,
            milliseconds(self.p50),
            milliseconds(self.p95)
        );
        self
    }
}

async fn timed<T>(times: &mut Vec<Duration>, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    times.push(start.elapsed());
    result
}

#[tokio::test]
async fn a_fresh_database_takes_less_than_fifty_milliseconds() {
    const ROUNDS: usize = 50;
    let first = Instant::now();
    let stack = Stack::builder().postgres().redis().start().await.unwrap();
    println!("first stack of a run: {:.2} s", first.elapsed().as_secs_f64());
    let (mut stacks, mut empty, mut copied) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        timed(&mut stacks, Stack::builder().postgres().redis().start())
            .await
            .unwrap();
        timed(&mut empty, stack.postgres().fresh_database())
            .await
            .unwrap();
        let copy = stack
            .postgres()
            .fresh_database_from("figures", |url| async move { migrate(&url).await });
        timed(&mut copied, copy).await.unwrap();
    }
    Figures::of("a stack of a run that has its containers", stacks).print();
    let empty = Figures::of("fresh_database", empty);
    let copied = Figures::of("fresh_database_from a template of 20 tables", copied);
    for figures in [empty, copied] {
        let p50 = figures.print().p50;
        assert!(p50 < Duration::from_millis(50), "{} takes {p50:?}", figures.what);
    }
}

/// About the size of a service's schema.
async fn migrate(url: &str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for table in 0..20 {
        let statement =
            format!("CREATE TABLE table_{table} (id uuid PRIMARY KEY, name text UNIQUE, at timestamptz)");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}
