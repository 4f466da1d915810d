//! Credentials of servers in mounted files, which change while the service runs.

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use ultra_service::{config::Config, store};
use ultra_testenv::Stack;
use url::Url;

use crate::harness::{QUESTION, Service, redis_at, until};

/// A database whose owner is nobody's superuser, and the file with its URL.
struct Mounted {
    admin: PgConnection,
    url: Url,
    folder: TempDir,
}

impl Mounted {
    async fn new(url: &str) -> Self {
        let admin = PgConnection::connect(url).await.unwrap();
        let mut url = Url::parse(url).unwrap();
        url.set_username("app").unwrap();
        let mut mounted = Self {
            admin,
            url,
            folder: TempDir::new().unwrap(),
        };
        mounted
            .run("create role app login password 'the-first-password'")
            .await;
        let database = mounted.url.path().trim_start_matches('/').to_owned();
        mounted
            .run(&format!("alter database \"{database}\" owner to app"))
            .await;
        mounted.run("alter schema public owner to app").await;
        mounted.write("the-first-password");
        mounted
    }

    fn file(&self) -> String {
        self.folder.path().join("url").display().to_string()
    }

    fn write(&mut self, password: &str) {
        self.url.set_password(Some(password)).unwrap();
        // Whole, as Kubernetes swaps it: a half-written URL is refused, which a test would have to wait out.
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, format!("{}\n", self.url)).unwrap();
        std::fs::rename(draft, self.file()).unwrap();
    }

    async fn run(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&mut self.admin).await.unwrap();
    }

    /// Ends what the service has open, so that it has to log in again.
    async fn cut(&mut self) {
        self.run("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
            .await;
    }
}

#[tokio::test]
async fn a_database_password_that_changes_in_its_file_is_taken_over_without_a_restart() {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let mut mounted = Mounted::new(database.url()).await;
    let file = mounted.file();
    let vars = [
        ("DATABASE_URL_FILE", file.as_str()),
        ("ULTRA_DATABASE_ACQUIRE_TIMEOUT", "500ms"),
    ];
    let service = Service::start(&vars, None).await;
    assert_eq!(service.ask(QUESTION).await["stored"], true);

    mounted.run("alter role app password 'the-second-password'").await;
    mounted.cut().await;
    service.dependency_is("database", "down").await;
    mounted.write("the-second-password");
    service.dependency_is("database", "up").await;
    until("a request is kept with the second password", async || {
        let answer = service.ask("And once more?").await;
        if answer["stored"] == true {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
}

#[tokio::test]
async fn another_database_is_not_taken_over() {
    let stack = Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let vars = [("DATABASE_URL".to_owned(), database.url().to_owned())];
    let config = Config::from_env(vars).unwrap().database;
    let store = store::open(&config).await.unwrap();
    let take_over = |change: &dyn Fn(&mut Url)| {
        let mut url = Url::parse(database.url()).unwrap();
        change(&mut url);
        store.take_over_url(&SecretString::from(url.as_str()))
    };
    assert!(!take_over(&|_| {}).unwrap(), "the same URL is another");
    for change in [
        (&|url: &mut Url| url.set_host(Some("elsewhere.example.com")).unwrap()) as &dyn Fn(&mut Url),
        &|url| url.set_port(Some(1)).unwrap(),
        &|url| url.set_path("/another"),
        &|url| url.set_query(Some("host=/var/run/postgresql")),
    ] {
        let refused = take_over(change);
        assert!(matches!(refused, Err(store::Error::OtherDatabase)), "{refused:?}");
    }
    assert!(take_over(&|url| url.set_password(Some("another-password")).unwrap()).unwrap());
}

#[tokio::test]
async fn a_redis_password_that_changes_in_its_file_is_taken_over_without_a_restart() {
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let mut redis = redis_at(stack.redis().url()).await;
    let mut set_password = async |password: &str| {
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg("app").arg("on").arg("resetpass");
        command
            .arg(format!(">{password}"))
            .arg("~*")
            .arg("&*")
            .arg("+@all");
        command.exec_async(&mut redis).await.unwrap();
        // Whoever is logged in stays so; what is cut has to log in again.
        let mut cut = redis::cmd("CLIENT");
        cut.arg("KILL").arg("USER").arg("app");
        cut.exec_async(&mut redis).await.unwrap();
    };
    set_password("the-first-password").await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("url");
    let write = |password: &str| {
        let mut url = Url::parse(stack.redis().url()).unwrap();
        url.set_username("app").unwrap();
        url.set_password(Some(password)).unwrap();
        let draft = folder.path().join("draft");
        std::fs::write(&draft, format!("{url}\n")).unwrap();
        std::fs::rename(draft, &file).unwrap();
    };
    write("the-first-password");
    let service = Service::start(&[("REDIS_URL_FILE", file.to_str().unwrap())], None).await;
    service.dependency_is("cache", "up").await;

    set_password("the-second-password").await;
    until("the first password is refused", async || {
        let cache = service.health().await["dependencies"]["cache"].clone();
        if cache["error"] == "authentication" {
            Ok(())
        } else {
            Err(cache)
        }
    })
    .await;
    write("the-second-password");
    service.dependency_is("cache", "up").await;
}
