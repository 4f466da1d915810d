use std::time::Duration;

use redis::IntoConnectionInfo as _;
use secrecy::SecretString;

use super::{
    Default, Production, Shape, Variable,
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
    description: "The Redis that remembers answers for all replicas; rediss:// for TLS, which production needs \
                  for other hosts.",
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

pub(super) const MAX_ENTRIES: Variable = Variable {
    name: "ULTRA_CACHE_MAX_ENTRIES",
    concern: "cache",
    secret: false,
    shape: Shape::Number(1, 1_000_000),
    default: Default::Value("1000"),
    production: Production::AsElsewhere,
    example: "10000",
    description: "The most answers that the cache in the process holds.",
};

/// Where answers are remembered.
#[derive(Debug, Clone)]
pub struct Cache {
    /// `REDIS_URL`; without it the cache lives in the process.
    pub redis_url: Option<SecretString>,
    /// `ULTRA_CACHE_CONNECT_TIMEOUT`.
    pub connect_timeout: Duration,
    /// `ULTRA_CACHE_RESPONSE_TIMEOUT`.
    pub response_timeout: Duration,
    /// `ULTRA_CACHE_TTL`.
    pub ttl: Duration,
    /// `ULTRA_CACHE_MAX_ENTRIES`.
    pub max_entries: u64,
}

impl Cache {
    pub(super) fn read(source: &mut Source) -> Option<Self> {
        let server = source.parse(&URL, parse);
        if let Some(server) = &server {
            server.check(&URL, &REMEDY, source);
        }
        let connect_timeout = source.duration(&CONNECT_TIMEOUT);
        let response_timeout = source.duration(&RESPONSE_TIMEOUT);
        let ttl = source.duration(&TTL);
        let max_entries = source.number(&MAX_ENTRIES);
        Some(Self {
            redis_url: server.map(|server| server.url),
            connect_timeout: connect_timeout?,
            response_timeout: response_timeout?,
            ttl: ttl?,
            max_entries: max_entries?,
        })
    }
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
