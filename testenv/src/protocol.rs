//! What clients and the host say to each other: one JSON object a line, over a Unix socket.
//!
//! A connection is a lease: what was made for it alone (databases, dedicated containers) goes when it closes,
//! however its process ends. Requests on one connection are answered in their order.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::stack::{Fault, Part, Profile};

/// Host and library are built apart when a stale binary lies beside the tests, so they compare this first.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "/4");

/// What a client asks of the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// The first request of every connection.
    Hello,
    /// The run ends when this connection closes.
    Own,
    /// A stack of containers.
    Stack(StackRequest),
    /// An empty database on this connection's Postgres.
    FreshDatabase {
        /// The stack whose Postgres it shall be on; absent: the shared one.
        stack: Option<u64>,
    },
    /// A copy of the template database with this key on this connection's Postgres.
    DatabaseFrom {
        /// The stack whose Postgres it shall be on; absent: the shared one.
        stack: Option<u64>,
        /// The template's name among those who share it.
        key: String,
    },
    /// The template database that this connection was told to migrate is ready.
    TemplateReady,
    /// Disturbs a part of this connection's dedicated stack, or of the one that belongs to the run.
    Fault {
        /// The part.
        part: Part,
        /// What to do to it.
        fault: Fault,
    },
    /// The log of one of the run's containers.
    Logs {
        /// The part.
        part: Part,
    },
    /// A Kubernetes API server and what is to run beside it.
    Cluster {
        /// What is to run.
        level: ClusterLevel,
        /// How many nodes there are to be at least, at the levels that have any.
        nodes: u8,
    },
    /// Puts an image of the engine on the cluster's nodes.
    LoadImage {
        /// Its reference.
        image: String,
    },
    /// What runs.
    Status,
    /// Ends the run.
    Down,
}

/// Which containers a stack has, and whether they are its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct StackRequest {
    /// With Postgres.
    pub(crate) postgres: bool,
    /// With Redis.
    pub(crate) redis: bool,
    /// With the service as its image.
    pub(crate) service: Option<Profile>,
    /// Containers of its own rather than those of the run.
    pub(crate) dedicated: bool,
    /// With Postgres' data on a small disk in memory; for a dedicated one.
    pub(crate) small_disk: bool,
    /// It belongs to the run rather than to the connection, and is there once: later requests get the same.
    pub(crate) kept: bool,
}

/// How much of a cluster is needed; each level has all of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClusterLevel {
    /// etcd and the API server.
    ApiServer,
    /// The controller manager and the scheduler.
    Controllers,
    /// Nodes that run pods.
    Node,
    /// The operator, installed on it.
    Operator,
}

/// What the host answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Response {
    /// Done, with nothing to tell.
    Done,
    /// Not done, and why.
    Refused(String),
    /// The host's protocol and run.
    Hello {
        /// [`VERSION`] of the host.
        version: String,
        /// The run's folder.
        run: PathBuf,
    },
    /// A stack's addresses.
    Stack(StackAddresses),
    /// A database that is ready.
    Database {
        /// Its URL.
        url: String,
    },
    /// A template database that this client is to migrate; others with its key wait for it.
    Migrate {
        /// Its URL.
        url: String,
    },
    /// A container's log.
    Logs {
        /// Standard output and error, oldest line first.
        text: String,
    },
    /// A cluster that is ready.
    Cluster {
        /// The administrator's kubeconfig.
        kubeconfig: PathBuf,
        /// The `kubectl` of the cluster's version.
        kubectl: PathBuf,
    },
    /// What runs.
    Status(Status),
}

/// Where the parts of a stack are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct StackAddresses {
    /// The stack's number, unique within the run.
    pub(crate) id: u64,
    /// The URL of the stack's own database.
    pub(crate) postgres: Option<String>,
    /// The URL of the stack's own logical database.
    pub(crate) redis: Option<String>,
    /// The service's URL.
    pub(crate) service: Option<String>,
}

/// What a run has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The host's process.
    pub(crate) host: u32,
    /// Connected clients, the asking one among them.
    pub(crate) clients: usize,
    /// Containers: name and state.
    pub(crate) containers: Vec<(String, String)>,
    /// Processes: number and command.
    pub(crate) processes: Vec<(u32, String)>,
    /// The cluster's kubeconfig, when there is one.
    pub(crate) kubeconfig: Option<PathBuf>,
}
