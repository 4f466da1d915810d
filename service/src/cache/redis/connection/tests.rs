//! Against a server that speaks just enough of the protocol, and hangs on command.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::*;

const RESPONSE: Duration = Duration::from_millis(300);

/// Answers every command with `+OK`, unless it hangs.
#[derive(Default)]
struct Server {
    hangs: AtomicBool,
    /// Everything but writes is answered, as while another server takes over.
    holds_writes: AtomicBool,
    commands: AtomicUsize,
    connections: AtomicUsize,
}

impl Server {
    async fn start() -> (Arc<Self>, SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::new(Self::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(server.clone().serve(listener));
        (server, address, tasks)
    }

    /// All connections end with the listener.
    async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            self.connections.fetch_add(1, Ordering::SeqCst);
            let server = self.clone();
            connections.spawn(async move {
                // A client that goes away ends its conversation.
                let _ = server.converse(stream).await;
            });
        }
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let parts: usize = line
                .trim_start_matches('*')
                .trim()
                .parse()
                .map_err(std::io::Error::other)?;
            let mut is_write = false;
            for _ in 0..parts {
                let mut line = String::new();
                stream.read_line(&mut line).await?;
                let length: usize = line
                    .trim_start_matches('$')
                    .trim()
                    .parse()
                    .map_err(std::io::Error::other)?;
                let mut word = vec![0; length + 2];
                stream.read_exact(&mut word).await?;
                is_write |= word == b"SET\r\n";
            }
            self.commands.fetch_add(1, Ordering::SeqCst);
            let holds = self.holds_writes.load(Ordering::SeqCst) && is_write;
            if holds || self.hangs.load(Ordering::SeqCst) {
                return std::future::pending().await;
            }
            stream.write_all(b"+OK\r\n").await?;
        }
    }
}

fn connection(address: SocketAddr) -> Connection {
    let config = config::Cache {
        redis_url: None,
        url_file: None,
        ca: None,
        connect_timeout: Duration::from_secs(1),
        response_timeout: RESPONSE,
        ttl: Duration::from_secs(60),
        max_bytes: 1_000,
    };
    let url = SecretString::from(format!("redis://{address}/"));
    Connection::new(&url, &config).unwrap()
}

async fn ask(connection: &Connection) -> Result<String, &'static str> {
    let answer = connection.call(&redis::cmd("PING")).await;
    answer.map_err(|error| error.class())
}

async fn until_closed(connection: &Connection) {
    let mut line = connection.0.line.subscribe();
    let closed = line.wait_for(|line| matches!(line.link, Link::Up(_)));
    timeout(Duration::from_secs(2), closed)
        .await
        .expect("it was not taken back within two seconds")
        .unwrap();
}

#[tokio::test]
async fn a_server_that_hangs_costs_its_timeout_once_and_is_taken_back_within_two_seconds() {
    let (server, address, _serving) = Server::start().await;
    let connection = connection(address);
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    tokio::spawn(connection.clone().keep(stop));
    assert_eq!(
        ask(&connection).await.as_deref(),
        Ok("OK"),
        "the first call waits for the first try"
    );

    server.hangs.store(true, Ordering::SeqCst);
    let asked = Instant::now();
    let at_once: Vec<_> = (0..20)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { ask(&connection).await })
        })
        .collect();
    for call in at_once {
        assert_eq!(call.await.unwrap(), Err("timeout"));
    }
    assert!(asked.elapsed() >= RESPONSE, "{:?}", asked.elapsed());
    let breaker = connection.breaker();
    assert_ne!(breaker.state, BreakerState::Closed);
    assert_eq!((breaker.error, breaker.opened), (Some("timeout"), 1));
    let asked = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(ask(&connection).await, Err("timeout"));
    }
    assert!(
        asked.elapsed() < RESPONSE,
        "calls wait for a server that is known to hang: {:?}",
        asked.elapsed()
    );

    server.hangs.store(false, Ordering::SeqCst);
    until_closed(&connection).await;
    assert_eq!(ask(&connection).await.as_deref(), Ok("OK"));
    assert_eq!(connection.breaker().state, BreakerState::Closed);
}

#[tokio::test]
async fn a_server_that_answers_and_holds_writes_back_is_not_taken_back() {
    let (server, address, _serving) = Server::start().await;
    let connection = connection(address);
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    tokio::spawn(connection.clone().keep(stop));
    assert_eq!(ask(&connection).await.as_deref(), Ok("OK"));

    server.holds_writes.store(true, Ordering::SeqCst);
    assert!(connection.call::<()>(&touch()).await.is_err());
    let tried = server.connections.load(Ordering::SeqCst);
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.connections.load(Ordering::SeqCst) < tried + 3 {
        assert!(Instant::now() < deadline, "it is not tried again");
        assert_eq!(ask(&connection).await, Err("timeout"));
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(connection.breaker().opened, 1);

    server.holds_writes.store(false, Ordering::SeqCst);
    until_closed(&connection).await;
}

#[tokio::test]
async fn while_it_is_lost_there_is_one_try_at_a_time_whoever_asks() {
    let (server, address, _serving) = Server::start().await;
    server.hangs.store(true, Ordering::SeqCst);
    let connection = connection(address);
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    tokio::spawn(connection.clone().keep(stop));
    assert_eq!(
        ask(&connection).await,
        Err("timeout"),
        "the first try hangs longer than a call may wait"
    );
    for _ in 0..100 {
        let _ = ask(&connection).await;
    }
    assert!(
        server.connections.load(Ordering::SeqCst) <= 2,
        "{:?}",
        server.connections
    );
}

#[tokio::test]
async fn a_server_that_is_gone_fails_at_once_and_one_that_comes_later_is_found() {
    let (_, address, mut serving) = Server::start().await;
    serving.shutdown().await;
    let connection = connection(address);
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    tokio::spawn(connection.clone().keep(stop));
    assert_eq!(ask(&connection).await, Err("connection_refused"));
    assert_eq!(connection.breaker().opened, 1);

    let listener = TcpListener::bind(address).await.unwrap();
    let server = Arc::new(Server::default());
    let mut serving = JoinSet::new();
    serving.spawn(server.clone().serve(listener));
    until_closed(&connection).await;
    assert_eq!(ask(&connection).await.as_deref(), Ok("OK"));

    serving.shutdown().await;
    let class = ask(&connection).await.unwrap_err();
    assert!(
        ["connection_lost", "connection_refused"].contains(&class),
        "{class}"
    );
}
