use std::time::Duration;

use secrecy::SecretString;

use super::{Default, Variable, database::check_url, source::Source};

pub(super) const URL: Variable = Variable {
    name: "REDIS_URL",
    concern: "cache",
    secret: true,
    default: Default::Unset("a cache in the process, for one replica"),
    example: "redis://localhost:6379/0",
    description: "The Redis that remembers answers for all replicas; rediss:// for TLS.",
};

pub(super) const CONNECT_TIMEOUT: Variable = Variable {
    name: "ULTRA_CACHE_CONNECT_TIMEOUT",
    concern: "cache",
    secret: false,
    default: Default::Value("1s"),
    example: "1s",
    description: "How long connecting to Redis may take.",
};

pub(super) const RESPONSE_TIMEOUT: Variable = Variable {
    name: "ULTRA_CACHE_RESPONSE_TIMEOUT",
    concern: "cache",
    secret: false,
    default: Default::Value("250ms"),
    example: "250ms",
    description: "How long a request waits for Redis before the cache in the process takes over: the most that a \
                  lost Redis can cost it.",
};

pub(super) const TTL: Variable = Variable {
    name: "ULTRA_CACHE_TTL",
    concern: "cache",
    secret: false,
    default: Default::Value("1h"),
    example: "24h",
    description: "How long an answer is remembered.",
};

pub(super) const MAX_ENTRIES: Variable = Variable {
    name: "ULTRA_CACHE_MAX_ENTRIES",
    concern: "cache",
    secret: false,
    default: Default::Value("1000"),
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
        const MILLI: Duration = Duration::from_millis(1);
        let redis_url = source.parse(&URL, |text| check_url(text, &["redis", "rediss"]));
        let connect_timeout = source.duration(&CONNECT_TIMEOUT, MILLI, Duration::from_secs(60));
        let response_timeout = source.duration(&RESPONSE_TIMEOUT, MILLI, Duration::from_secs(60));
        let ttl = source.duration(&TTL, Duration::from_secs(1), Duration::from_secs(30 * 24 * 3600));
        let max_entries = source.number(&MAX_ENTRIES, 1, 1_000_000);
        Some(Self {
            redis_url,
            connect_timeout: connect_timeout?,
            response_timeout: response_timeout?,
            ttl: ttl?,
            max_entries: max_entries?,
        })
    }
}
