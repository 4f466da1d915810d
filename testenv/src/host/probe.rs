//! Asks a service whether it is ready, without an HTTP client of its own: the status line is all that matters.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Succeeds when `GET path` on this port of the loopback interface is answered by a status in the two hundreds.
pub(super) async fn get(port: u16, path: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.split_ascii_whitespace().nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        Some(_) => Err(io::Error::other(format!("GET {path}: {}", answer.trim()))),
        None => Err(io::Error::other(format!("GET {path}: no answer"))),
    }
}
