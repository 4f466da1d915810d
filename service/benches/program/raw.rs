//! HTTP as bytes, so that the client's part of the machine is small and the same for everybody.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

pub(crate) type Told<T> = Result<T, String>;

/// A connection that stays open between requests.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

/// How long a body is.
enum Length {
    Bytes(usize),
    Chunks,
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn told(error: std::io::Error) -> String {
    error.to_string()
}

/// A request for a chat completion, as it goes over the wire.
pub(crate) fn chat(host: &str, key: Option<&str>, body: &str) -> Vec<u8> {
    let authorization = key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\n{authorization}content-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Told<Self> {
        let stream = TcpStream::connect(address).await.map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        Ok(Self {
            stream: BufReader::new(stream),
            line: String::new(),
            body: Vec::new(),
        })
    }

    /// Sends a request and reads its answer, which must be a success, to the end.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Told<&[u8]> {
        self.send(request).await?;
        let length = self.head().await?;
        self.body.clear();
        match length {
            Length::Bytes(bytes) => {
                self.body.resize(bytes, 0);
                self.stream.read_exact(&mut self.body).await.map_err(told)?;
            }
            Length::Chunks => while self.chunk().await? > 0 {},
        }
        Ok(&self.body)
    }

    /// Sends a request.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Told<()> {
        self.stream.write_all(request).await.map_err(told)
    }

    /// Reads a streamed answer's beginning, up to its first piece.
    pub(crate) async fn first_piece(&mut self) -> Told<()> {
        self.head().await?;
        self.body.clear();
        self.chunk().await.map(drop)
    }

    /// Reads a streamed answer's next piece. 0: it is over.
    pub(crate) async fn chunk(&mut self) -> Told<usize> {
        self.line().await?;
        let size = usize::from_str_radix(self.line.trim(), 16).map_err(|_| self.line.clone())?;
        let from = self.body.len();
        self.body.resize(from + size + 2, 0);
        self.stream
            .read_exact(&mut self.body[from..])
            .await
            .map_err(told)?;
        self.body.truncate(from + size);
        Ok(size)
    }

    async fn head(&mut self) -> Told<Length> {
        let mut length = Length::Bytes(0);
        let mut is_first = true;
        loop {
            self.line().await?;
            let line = &self.line;
            if is_first && !line.starts_with("HTTP/1.1 200 ") {
                return Err(line.clone());
            }
            is_first = false;
            if line == "\r\n" {
                return Ok(length);
            }
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = Length::Bytes(value.trim().parse().map_err(|_| line.clone())?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                length = Length::Chunks;
            }
        }
    }

    async fn line(&mut self) -> Told<()> {
        self.line.clear();
        match self.stream.read_line(&mut self.line).await.map_err(told)? {
            0 => Err("the connection was closed".to_owned()),
            _ => Ok(()),
        }
    }
}
