//! Lets containers reach the API server, which listens on the loopback interface only.

use std::net::{IpAddr, SocketAddr};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::Error;

/// Passes connections on from a port of the container network's gateway.
#[derive(Debug)]
pub(super) struct Forwarder {
    listener: TcpListener,
    address: SocketAddr,
    target: SocketAddr,
}

impl Forwarder {
    /// Listens on `gateway`, where only containers of this machine come by.
    pub(super) async fn bind(gateway: IpAddr, target: SocketAddr) -> Result<Self, Error> {
        let listen = async || {
            let listener = TcpListener::bind((gateway, 0)).await?;
            let address = listener.local_addr()?;
            Ok(Self {
                listener,
                address,
                target,
            })
        };
        listen().await.map_err(|source| {
            Error::io(
                format!("listen on the container network's gateway {gateway}"),
                source,
            )
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes connections on, for ever.
    pub(super) async fn run(self) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(pass_on(stream, self.target));
                    }
                    // Out of file handles, as a rule: what ends meanwhile frees some.
                    Err(error) => tracing::warn!("a connection of a node is lost: {error}"),
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn pass_on(mut incoming: TcpStream, target: SocketAddr) {
    let passed = async {
        let mut outgoing = TcpStream::connect(target).await?;
        tokio::io::copy_bidirectional(&mut incoming, &mut outgoing).await
    };
    if let Err(error) = passed.await {
        tracing::debug!("a connection of a node ended: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_sent_comes_back_through_the_forwarder() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let target = server.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let (mut reader, mut writer) = stream.split();
            tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        });
        let forwarder = Forwarder::bind(Ipv4Addr::LOCALHOST.into(), target).await.unwrap();
        let address = forwarder.address();
        let forwarding = tokio::spawn(forwarder.run());
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "hello");
        forwarding.abort();
    }
}
