use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use redis::IntoConnectionInfo as _;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    Default, Errors, Production, Profile, Shape, Variable,
    server::{self, Remedy, Server},
    source::Source,
};

pub(super) const URL: Variable = Variable {
    name: "REDIS_URL",
    concern: "cache",
    secret: true,
    shape: Shape::Url(&["redis", "rediss"]),
    default: Default::Unset("a cache in the process, for one replica"),
    production: Production::AsElsewhere,
    example: "redis://localhost:6379/0",
    description: "The Redis that all replicas share, `redis://user:password@host:6379/0`; the user is one of its ACL, \
                  and may be left out. rediss:// for TLS, which production needs for other hosts. A file of it is \
                  watched: another user or password is taken over without a restart, another Redis is not.",
};

pub(super) const CONNECT_TIMEOUT: Variable = Variable {
    name: "ULTRA_CACHE_CONNECT_TIMEOUT",
    concern: "cache",
    secret: false,
    shape: Shape::Duration(Duration::from_millis(1), Duration::from_secs(60)),
    default: Default::Value("1s"),
    production: Production::AsElsewhere,
    example: "1s",
    description: "How long connecting to Redis may take.",
};

pub(super) const RESPONSE_TIMEOUT: Variable = Variable {
    name: "ULTRA_CACHE_RESPONSE_TIMEOUT",
    concern: "cache",
    secret: false,
    shape: Shape::Duration(Duration::from_millis(1), Duration::from_secs(60)),
    default: Default::Value("250ms"),
    production: Production::AsElsewhere,
    example: "250ms",
    description: "How long a request waits for Redis before the cache in the process takes over: the most that a \
                  lost Redis can cost it.",
};

pub(super) const TTL: Variable = Variable {
    name: "ULTRA_CACHE_TTL",
    concern: "cache",
    secret: false,
    shape: Shape::Duration(Duration::from_secs(1), Duration::from_secs(30 * 24 * 3_600)),
    default: Default::Value("1h"),
    production: Production::AsElsewhere,
    example: "24h",
    description: "How long an answer is remembered.",
};

pub(super) const MAX_BYTES: Variable = Variable {
    name: "ULTRA_CACHE_MAX_BYTES",
    concern: "cache",
    secret: false,
    shape: Shape::Number(65_536, 64 * 1_024 * 1_024 * 1_024),
    default: Default::Value("8388608"),
    production: Production::AsElsewhere,
    example: "67108864",
    description: "The most memory that the answers in the process take. They are there while there is no Redis; what \
                  is used least goes first.",
};

pub(super) const CA_FILE: Variable = Variable {
    name: "ULTRA_CACHE_CA_FILE",
    concern: "cache",
    secret: false,
    shape: Shape::Path,
    default: Default::Unset("the system's certificate authorities"),
    production: Production::AsElsewhere,
    example: "/etc/ultra/redis-ca.pem",
    description: "The certificate authorities that may vouch for Redis, in PEM, in place of the system's; for \
                  `rediss://`.",
};

/// Where answers are remembered.
#[derive(Debug, Clone)]
pub struct Cache {
    /// `REDIS_URL`; without it the cache lives in the process.
    pub redis_url: Option<SecretString>,
    /// `REDIS_URL_FILE`, which the URL was read from.
    pub url_file: Option<PathBuf>,
    /// `ULTRA_CACHE_CONNECT_TIMEOUT`.
    pub connect_timeout: Duration,
    /// `ULTRA_CACHE_RESPONSE_TIMEOUT`.
    pub response_timeout: Duration,
    /// `ULTRA_CACHE_TTL`.
    pub ttl: Duration,
    /// `ULTRA_CACHE_MAX_BYTES`.
    pub max_bytes: u64,
    /// What is in `ULTRA_CACHE_CA_FILE`.
    pub ca: Option<Vec<u8>>,
}

impl Cache {
    pub(super) fn read(source: &mut Source) -> Option<Self> {
        let server = read_server(source);
        let connect_timeout = source.duration(&CONNECT_TIMEOUT);
        let response_timeout = source.duration(&RESPONSE_TIMEOUT);
        let ttl = source.duration(&TTL);
        let max_bytes = source.number(&MAX_BYTES);
        let ca = read_ca(server.as_ref(), source);
        Some(Self {
            redis_url: server.map(|server| server.url),
            url_file: source.file(&URL),
            connect_timeout: connect_timeout?,
            response_timeout: response_timeout?,
            ttl: ttl?,
            max_bytes: max_bytes?,
            ca,
        })
    }
}

/// The URL that a file of it holds by now, under the rules that held at the start.
pub fn cache_url_in(file: &Path, profile: Profile) -> Result<SecretString, Errors> {
    Server::url_in(file, &URL, profile, read_server)
}

fn read_server(source: &mut Source) -> Option<Server> {
    Server::read(&URL, parse, &REMEDY, source)
}

/// The authorities' certificates. They would mean nothing to a connection that is not encrypted, so that somebody would
/// believe it to be.
fn read_ca(server: Option<&Server>, source: &mut Source) -> Option<Vec<u8>> {
    let ca = source.parse(&CA_FILE, |path| {
        let pem = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
        let mut certificates = CertificateDer::pem_slice_iter(&pem);
        match certificates.next() {
            Some(Ok(_)) if certificates.all(|certificate| certificate.is_ok()) => Ok(pem),
            _ => Err("holds no certificates in PEM".to_owned()),
        }
    })?;
    match server {
        Some(server) if server.url.expose_secret().starts_with("rediss:") => return Some(ca),
        Some(_) => source.invalid(&CA_FILE, "is given, but REDIS_URL does not begin with rediss://"),
        None if source.is_set(&URL) => {}
        None => source.invalid(&CA_FILE, "is given, but no REDIS_URL"),
    }
    None
}

const REMEDY: Remedy = Remedy {
    words: "begin it with rediss:// and do not end it with #insecure",
    example: "rediss://:long-random-password@cache.example.com:6379/0",
};

fn parse(text: &str) -> Result<Server, String> {
    let url = server::parse_url(text, &["redis", "rediss"])?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or("names no host")?;
    if text.into_connection_info().is_err() {
        return Err("is refused by the driver; write redis://:password@host:6379/0".to_owned());
    }
    Ok(Server {
        is_remote: !server::is_loopback(host),
        // `#insecure` takes any certificate, so that whoever sits in between can pose as the server.
        is_encrypted: url.scheme() == "rediss" && url.fragment().is_none(),
        login: server::login(&url)?,
        url: SecretString::from(text),
    })
}
