//! The way to a server that faults can happen on. Everybody who uses a dedicated server comes through here; the host
//! itself goes past it, so that it can undo whatever it did.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use super::container::free_port;
use crate::Error;

/// What becomes of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    /// It arrives.
    Flows,
    /// It arrives this much later.
    Lags(Duration),
    /// It does not arrive until something else is the case; connections stay open.
    Stands,
    /// There are no connections, and none can be made.
    Refused,
}

/// Listens at an address and passes on what comes.
#[derive(Debug)]
pub(super) struct Proxy {
    port: u16,
    addresses: Vec<IpAddr>,
    upstream: SocketAddr,
    traffic: watch::Sender<Traffic>,
    /// One for each address that is listened at, with all connections that came there.
    listeners: Mutex<JoinSet<()>>,
}

impl Proxy {
    /// Listens on loopback for a server on loopback, and at the address of this machine that containers see, where it
    /// has one.
    pub(super) async fn start(upstream: u16, gateway: Option<IpAddr>) -> Result<Self, Error> {
        let port = free_port()?;
        let mut proxy = Self {
            port,
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            upstream: SocketAddr::from((Ipv4Addr::LOCALHOST, upstream)),
            traffic: watch::Sender::new(Traffic::Flows),
            listeners: Mutex::default(),
        };
        // An engine in a virtual machine has its networks there.
        if let Some(gateway) = gateway
            && TcpListener::bind((gateway, port)).await.is_ok()
        {
            proxy.addresses.push(gateway);
        }
        proxy.listen().await?;
        Ok(proxy)
    }

    /// The port, the same at every address.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Where containers reach it, if they do.
    pub(super) fn inside(&self) -> Option<SocketAddr> {
        let gateway = self.addresses.get(1)?;
        Some(SocketAddr::new(*gateway, self.port))
    }

    /// What becomes of what is sent.
    pub(super) fn traffic(&self) -> Traffic {
        *self.traffic.borrow()
    }

    /// From now on this becomes of what is sent.
    pub(super) async fn set(&self, traffic: Traffic) -> Result<(), Error> {
        let before = self.traffic.send_replace(traffic);
        match (before, traffic) {
            (Traffic::Refused, Traffic::Refused) => Ok(()),
            (Traffic::Refused, _) => self.listen().await,
            (_, Traffic::Refused) => {
                self.close().await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Ends all connections as a crashed peer does; new ones can be made.
    pub(super) async fn reset(&self) -> Result<(), Error> {
        self.close().await;
        match self.traffic() {
            Traffic::Refused => return Ok(()),
            Traffic::Flows | Traffic::Lags(_) | Traffic::Stands => {}
        }
        self.listen().await
    }

    async fn close(&self) {
        let mut listeners =
            std::mem::take(&mut *self.listeners.lock().unwrap_or_else(PoisonError::into_inner));
        listeners.shutdown().await;
    }

    async fn listen(&self) -> Result<(), Error> {
        let mut listeners = JoinSet::new();
        for address in &self.addresses {
            let listener = TcpListener::bind((*address, self.port)).await;
            let listener =
                listener.map_err(|error| Error::io(format!("listen on {address}:{}", self.port), error))?;
            listeners.spawn(serve(listener, self.upstream, self.traffic.subscribe()));
        }
        *self.listeners.lock().unwrap_or_else(PoisonError::into_inner) = listeners;
        Ok(())
    }
}

/// Connections end with the listener.
async fn serve(listener: TcpListener, upstream: SocketAddr, traffic: watch::Receiver<Traffic>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connect(stream, upstream, traffic.clone()));
                }
                Err(error) => tracing::warn!("a client of a server could not connect: {error}"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(mut client: TcpStream, upstream: SocketAddr, mut traffic: watch::Receiver<Traffic>) {
    // Dropped in the middle, a connection is reset rather than ended in order.
    let _ = client.set_zero_linger();
    let _ = client.set_nodelay(true);
    if flows(&mut traffic).await.is_err() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return;
    };
    let _ = server.set_nodelay(true);
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    // Either both have said all that they had to say, or one is gone.
    let _ = tokio::try_join!(
        pass(from_client, to_server, traffic.clone(), false),
        pass(from_server, to_client, traffic, true)
    );
}

/// Passes on what comes until one side has no more to say. Only answers lag: a request and its answer take the time of
/// one delay.
async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut traffic: watch::Receiver<Traffic>,
    lags: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if let Traffic::Lags(delay) = flows(&mut traffic).await?
            && lags
        {
            sleep(delay).await;
        }
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}

/// Waits while everything stands.
async fn flows(traffic: &mut watch::Receiver<Traffic>) -> io::Result<Traffic> {
    let moving = traffic.wait_for(|traffic| *traffic != Traffic::Stands).await;
    moving.map(|traffic| *traffic).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);
    const A_WHILE: Duration = Duration::from_millis(100);

    /// A server that says back what it is told.
    async fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        port
    }

    async fn talk(stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(b"hello").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"hello");
        Ok(())
    }

    async fn dial(proxy: &Proxy) -> io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", proxy.port())).await
    }

    #[tokio::test]
    async fn what_is_sent_arrives_lags_stands_is_refused_and_arrives_again() {
        let proxy = Proxy::start(echo().await, None).await.unwrap();
        let mut stream = dial(&proxy).await.unwrap();
        talk(&mut stream).await.unwrap();

        proxy.set(Traffic::Lags(A_WHILE)).await.unwrap();
        let asked = Instant::now();
        talk(&mut stream).await.unwrap();
        assert!(asked.elapsed() >= A_WHILE, "{:?}", asked.elapsed());

        proxy.set(Traffic::Stands).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut answer = [0; 5];
        assert!(timeout(A_WHILE, stream.read_exact(&mut answer)).await.is_err());
        let mut late = dial(&proxy).await.unwrap();
        assert!(timeout(A_WHILE, talk(&mut late)).await.is_err());
        proxy.set(Traffic::Flows).await.unwrap();
        timeout(PATIENCE, stream.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();

        proxy.set(Traffic::Refused).await.unwrap();
        assert!(timeout(PATIENCE, talk(&mut stream)).await.unwrap().is_err());
        let error = dial(&proxy).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        proxy.set(Traffic::Flows).await.unwrap();
        talk(&mut dial(&proxy).await.unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn a_reset_ends_every_connection_and_no_later_one() {
        let proxy = Proxy::start(echo().await, None).await.unwrap();
        let mut stream = dial(&proxy).await.unwrap();
        talk(&mut stream).await.unwrap();
        proxy.reset().await.unwrap();
        let error = timeout(PATIENCE, talk(&mut stream)).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        talk(&mut dial(&proxy).await.unwrap()).await.unwrap();
    }
}
