use std::net::Ipv4Addr;

use axum::{extract::ConnectInfo, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

use super::*;

const LIMITS: Limits = Limits {
    header: Duration::from_millis(300),
    idle: Duration::from_millis(1_500),
    look_every: Duration::from_millis(50),
};

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Far longer than anything here should take.
const LONG: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    /// Told when a request for `/slow` has begun.
    slow_begun: Arc<Notify>,
}

async fn start(max_connections: usize) -> Running {
    let slow_begun = Arc::new(Notify::new());
    let begun = slow_begun.clone();
    let slow = move |ConnectInfo(_): ConnectInfo<SocketAddr>| async move {
        begun.notify_one();
        sleep(LIMITS.idle * 2).await;
        "late"
    };
    let router = Router::new()
        .route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
        )
        .route("/slow", get(slow));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let server = Server {
        max_connections,
        limits: LIMITS,
    };
    let serving = tokio::spawn(server.serve(listener, router, stop.clone()));
    Running {
        address,
        stop,
        serving,
        slow_begun,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection on which a request for `/slow` is under way.
    async fn busy(&self) -> TcpStream {
        let mut stream = self.connect().await;
        stream
            .write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        timeout(LONG, self.slow_begun.notified())
            .await
            .expect("it does not begin");
        stream
    }
}

/// Reads until `end` is there.
async fn read_to(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(end) {
            let mut buffer = [0; 1_024];
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(bytes) => text.push_str(&String::from_utf8_lossy(&buffer[..bytes])),
            }
        }
    };
    timeout(LONG, reading).await.expect("nothing comes, and no end");
    text
}

/// How long it takes until the other side closes.
async fn closed_after(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let rest = read_to(stream, "\0").await;
    assert!(!rest.contains(" 200 "), "{rest}");
    start.elapsed()
}

#[tokio::test]
async fn a_header_that_does_not_end_is_not_waited_for() {
    let running = start(10).await;
    for beginning in [&b"G"[..], b"P", b"PRI * HT", b"GET / HTTP/1.1\r\nhost: x\r\na: "] {
        let mut stream = running.connect().await;
        let (mut reading, mut writing) = stream.split();
        let dribble = async {
            writing.write_all(beginning).await.unwrap();
            loop {
                sleep(Duration::from_millis(40)).await;
                // Once it is closed, this fails.
                if writing.write_all(b"*").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let start = Instant::now();
        let read = async { reading.read(&mut [0; 1_024]).await };
        tokio::select! {
            () = dribble => {}
            read = timeout(LONG, read) => {
                // "P" and a byte that does not follow is HTTP/1.1, and wrong: told at once.
                let _ = read.expect("it goes on");
            }
        }
        assert!(start.elapsed() < LIMITS.idle, "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_header_that_is_slow_on_a_connection_that_was_used_is_not_waited_for_either() {
    let running = start(10).await;
    let mut stream = running.connect().await;
    stream.write_all(ASK).await.unwrap();
    read_to(&mut stream, "127.0.0.1:").await;
    sleep(LIMITS.header * 2).await;
    stream.write_all(b"GET /").await.unwrap();
    let closed = closed_after(&mut stream).await;
    assert!(closed >= LIMITS.header / 2 && closed < LIMITS.idle, "{closed:?}");
}

#[tokio::test]
async fn a_connection_rests_longer_than_a_header_may_take_and_not_for_ever() {
    let running = start(10).await;
    let mut stream = running.connect().await;
    let address = stream.local_addr().unwrap().to_string();
    for _ in 0..3 {
        stream.write_all(ASK).await.unwrap();
        let answer = read_to(&mut stream, &address).await;
        assert!(answer.contains(" 200 "), "{answer}");
        sleep(LIMITS.header * 2).await;
    }
    let closed = closed_after(&mut stream).await;
    assert!(closed >= LIMITS.idle / 4, "{closed:?}");

    let mut silent = running.connect().await;
    assert!(closed_after(&mut silent).await >= LIMITS.idle / 2);
}

#[tokio::test]
async fn an_answer_may_take_longer_than_a_connection_rests() {
    let running = start(10).await;
    let answer = read_to(&mut running.busy().await, "late").await;
    assert!(answer.ends_with("late"), "{answer}");
}

#[tokio::test]
async fn no_more_connections_are_served_than_are_allowed_and_others_wait() {
    let running = start(2).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = running.connect().await;
        stream.write_all(ASK).await.unwrap();
        read_to(&mut stream, "127.0.0.1:").await;
        streams.push(stream);
    }
    let mut third = running.connect().await;
    third.write_all(ASK).await.unwrap();
    let mut buffer = [0; 1];
    assert!(timeout(LIMITS.idle / 4, third.read(&mut buffer)).await.is_err());
    drop(streams.pop());
    assert!(read_to(&mut third, "127.0.0.1:").await.contains(" 200 "));
}

#[tokio::test]
async fn http_2_is_served_and_ends_when_it_rests() {
    let running = start(10).await;
    // By hand: the preface, empty settings, and GET / as one block of headers.
    let mut stream = running.connect().await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    stream
        .write_all(b"\0\0\x06\x01\x05\0\0\0\x01\x82\x84\x86\x41\x01x")
        .await
        .unwrap();
    let address = stream.local_addr().unwrap().to_string();
    read_to(&mut stream, &address).await;
    // It still talks, but asks for nothing.
    let ping = b"\0\0\x08\x06\0\0\0\0\0pingpong";
    let start = Instant::now();
    let mut all = Vec::new();
    let (mut reading, mut writing) = stream.split();
    let talk = async {
        while writing.write_all(ping).await.is_ok() {
            sleep(LIMITS.header / 3).await;
        }
    };
    let (_, ended) = tokio::join!(talk, timeout(LONG, reading.read_to_end(&mut all)));
    let _ = ended.expect("it rests for ever");
    assert!(start.elapsed() >= LIMITS.idle / 2, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_is_under_way_and_ends_the_rest() {
    let running = start(10).await;
    let (mut busy, mut idle) = (running.busy().await, running.connect().await);
    idle.write_all(ASK).await.unwrap();
    read_to(&mut idle, "127.0.0.1:").await;
    running.stop.cancel();
    let closed = closed_after(&mut idle).await;
    assert!(closed < LIMITS.idle / 2, "{closed:?}");
    assert!(read_to(&mut busy, "late").await.ends_with("late"));
    timeout(LONG, running.serving).await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_server_that_is_dropped_cuts_what_is_under_way() {
    let running = start(10).await;
    let mut busy = running.busy().await;
    running.serving.abort();
    assert!(closed_after(&mut busy).await < LIMITS.idle);
}
