//! A stand-in provider that does as little as it can: it answers each request at once with the same bytes.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-x","choices":[{"index":0,"message":{"role":"assistant","content":"Because they can.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#;

/// The pieces of a streamed answer; the second one waits until the provider is told to go on.
const PIECES: [&str; 4] = [
    r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-x","choices":[{"index":0,"delta":{"role":"assistant","content":"Because"},"finish_reason":null}],"usage":null}"#,
    r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-x","choices":[{"index":0,"delta":{"content":" they can."},"finish_reason":null}],"usage":null}"#,
    r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
    r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-x","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#,
];

/// A running provider, which ends with the runtime.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    go_on: watch::Sender<bool>,
}

impl Provider {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let go_on = watch::Sender::new(true);
        let told = go_on.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, told.subscribe()));
            }
        });
        Ok(Self { address, go_on })
    }

    /// Whether streams go on after their first piece.
    pub(crate) fn go_on(&self, go_on: bool) {
        self.go_on.send_replace(go_on);
    }
}

async fn serve(mut stream: TcpStream, mut go_on: watch::Receiver<bool>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let whole = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    let mut buffer = Vec::with_capacity(4_096);
    loop {
        let Some(end) = request(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        let is_stream = buffer[..end]
            .windows(13)
            .any(|window| window == b"\"stream\":true");
        buffer.drain(..end);
        if is_stream {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            stream
                .write_all(format!("{head}{}", chunk(PIECES[0])).as_bytes())
                .await?;
            let _ = go_on.wait_for(|go_on| *go_on).await;
            let rest: String = PIECES[1..].iter().copied().chain(["[DONE]"]).map(chunk).collect();
            stream.write_all(format!("{rest}0\r\n\r\n").as_bytes()).await?;
        } else {
            stream.write_all(whole.as_bytes()).await?;
        }
    }
}

fn chunk(data: &str) -> String {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

/// Reads until a whole request is there, and says where it ends. None: the client is gone.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<usize>> {
    loop {
        if let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let length = length(&buffer[..head]);
            if buffer.len() >= head + 4 + length {
                return Ok(Some(head + 4 + length));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head);
    let field = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    field.unwrap_or_default()
}
