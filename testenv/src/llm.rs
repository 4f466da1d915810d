//! A stand-in for the LLM providers: the OpenAI, Anthropic and Gemini wire formats on a loopback port, answers that
//! depend on the request alone, and faults by script.
//!
//! ```no_run
//! # async fn example() -> Result<(), ultra_testenv::Error> {
//! use ultra_testenv::llm::{Fault, Llm};
//!
//! // The first request is turned away, the ones after it are answered.
//! let llm = Llm::scripted().fail(Fault::status(429).retry_after(2)).start().await?;
//! println!("OPENAI_BASE_URL={}", llm.openai_base_url());
//! # Ok(())
//! # }
//! ```
//!
//! It asks for what the providers ask for (a key, Anthropic's version header, a token limit, results of tools that were
//! called) and refuses a request without it in the provider's own words, so that a client that forgets one fails here
//! too. Asked for JSON, it answers with JSON that the request's schema allows.

mod answer;
mod anthropic;
mod body;
mod connection;
mod exchange;
mod fault;
mod finish;
mod gemini;
mod journal;
mod openai;
mod sample;
mod script;
mod wire;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use axum::{Router, extract::DefaultBodyLimit};
use tokio::{
    net::TcpListener,
    runtime::{self, Runtime},
    sync::oneshot,
};

use self::{
    connection::{ConnectionHandle, Listener},
    exchange::Server,
};
pub use self::{
    fault::Fault,
    finish::Finish,
    journal::{Request, Seen},
    script::Script,
};
use crate::Error;

/// A running stand-in provider; it ends, with every connection to it, when this value is dropped.
#[derive(Debug)]
pub struct Llm {
    address: SocketAddr,
    server: Arc<Server>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Llm {
    /// A script to say how the provider behaves; without a word more it answers everything at once.
    pub fn scripted() -> Script {
        Script::default()
    }

    /// Serves from a thread and runtime of its own: a test that blocks or pauses its runtime's clock changes neither
    /// answers nor delays, and ending the runtime ends stalled connections too.
    pub(super) fn start(script: Script) -> std::io::Result<Self> {
        let server = Arc::new(Server::new(script));
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let routes = routes(Arc::clone(&server));
        let thread = thread::Builder::new()
            .name("stand-in-llm".to_owned())
            .spawn(move || serve(&runtime, listener, routes, stopped))?;
        Ok(Self {
            address,
            server,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// For `OPENAI_BASE_URL`.
    pub fn openai_base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// For `ANTHROPIC_BASE_URL`.
    pub fn anthropic_base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// For Google's clients, which add the version themselves.
    pub fn gemini_base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Behaves by `script` from the next request on.
    pub fn set_script(&self, script: Script) {
        self.server.set_script(script);
    }

    /// What was received until now, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.server.journal.seen().requests
    }

    /// How many clients went away before they had their whole answer.
    pub fn cancelled(&self) -> usize {
        self.server.journal.seen().cancelled
    }

    /// Waits until what was seen fulfils `condition`.
    pub async fn wait_until(
        &self,
        what: &str,
        deadline: Duration,
        condition: impl FnMut(&Seen) -> bool,
    ) -> Result<(), Error> {
        let fulfilled = self.server.journal.wait_until(condition);
        tokio::time::timeout(deadline, fulfilled)
            .await
            .map_err(|_| Error::Deadline {
                what: what.to_owned(),
                deadline,
                last_seen: self.server.journal.seen().to_string(),
            })
    }
}

impl Drop for Llm {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server has already been reported where it happened.
            let _ = thread.join();
        }
    }
}

fn routes(server: Arc<Server>) -> Router {
    Router::new()
        .merge(openai::routes())
        .merge(anthropic::routes())
        .merge(gemini::routes())
        .layer(DefaultBodyLimit::disable())
        .with_state(server)
}

fn serve(runtime: &Runtime, listener: TcpListener, routes: Router, stopped: oneshot::Receiver<()>) {
    let service = routes.into_make_service_with_connect_info::<ConnectionHandle>();
    runtime.block_on(async {
        tokio::select! {
            _ = axum::serve(Listener(listener), service) => {}
            _ = stopped => {}
        }
    });
}
