//! A port that nobody else can take before its program listens on it.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

use crate::Error;

/// A port of the loopback interface. It stays bound without listening, with `SO_REUSEPORT`, so that only a program
/// that sets the same option (kube-apiserver's `--permit-port-sharing`) can share it; that one gets every connection.
#[derive(Debug)]
pub(super) struct ReservedPort {
    _socket: TcpSocket,
    address: SocketAddr,
}

impl ReservedPort {
    /// Reserves a free port.
    pub(super) fn on_loopback() -> Result<Self, Error> {
        let reserve = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseport(true)?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            let address = socket.local_addr()?;
            Ok(Self {
                _socket: socket,
                address,
            })
        };
        reserve().map_err(|source| Error::io("reserve a port for the API server", source))
    }

    /// Its address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}
