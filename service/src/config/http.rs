use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;

use super::{Cors, Default, Panel, Production, Shape, Variable, source::Source};
use crate::domain::format_duration;

pub(super) const LISTEN: Variable = Variable {
    name: "ULTRA_LISTEN",
    concern: "http",
    secret: false,
    shape: Shape::Pattern(r"^.+:\d{1,5}$"),
    default: Default::Profiles {
        development: "127.0.0.1:8080",
        testing: "0.0.0.0:8080",
        production: "0.0.0.0:8080",
    },
    production: Production::AsElsewhere,
    example: "127.0.0.1:8080",
    description: "The address and port to listen on; port 0 takes a free one, which the log shows.",
};

pub(super) const REQUEST_TIMEOUT: Variable = Variable {
    name: "ULTRA_HTTP_REQUEST_TIMEOUT",
    concern: "http",
    secret: false,
    shape: Shape::Duration(Duration::from_millis(10), Duration::from_secs(3_600)),
    default: Default::Value("2m"),
    production: Production::AsElsewhere,
    example: "2m",
    description: "The longest that a request may take until its answer begins; must exceed the panel's deadline. \
                  Streams are bounded by the panel's deadline alone.",
};

pub(super) const DRAIN_TIMEOUT: Variable = Variable {
    name: "ULTRA_HTTP_DRAIN_TIMEOUT",
    concern: "http",
    secret: false,
    shape: Shape::Duration(Duration::ZERO, Duration::from_secs(3_600)),
    default: Default::Value("30s"),
    production: Production::AsElsewhere,
    example: "30s",
    description: "How long a stopping service waits for the requests and streams that are under way.",
};

pub(super) const MAX_BODY_BYTES: Variable = Variable {
    name: "ULTRA_HTTP_MAX_BODY_BYTES",
    concern: "http",
    secret: false,
    shape: Shape::Number(1_024, 256 * 1_024 * 1_024),
    default: Default::Value("1048576"),
    production: Production::AsElsewhere,
    example: "1048576",
    description: "The largest request body.",
};

pub(super) const MAX_CONNECTIONS: Variable = Variable {
    name: "ULTRA_HTTP_MAX_CONNECTIONS",
    concern: "http",
    secret: false,
    shape: Shape::Number(1, 1_000_000),
    default: Default::Value("10000"),
    production: Production::AsElsewhere,
    example: "10000",
    description: "The most connections that one replica serves at once; further ones wait. Fewer, where the system \
                  allows fewer open files.",
};

pub(super) const TRUSTED_PROXIES: Variable = Variable {
    name: "ULTRA_HTTP_TRUSTED_PROXIES",
    concern: "http",
    secret: false,
    shape: Shape::Pattern(r"^[0-9A-Fa-f.:/]+(\s*,\s*[0-9A-Fa-f.:/]+)*$"),
    default: Default::Unset("none: a client's address is the one that it connects from"),
    production: Production::Refuses("networks wider than `/8`, of IPv6 `/16`"),
    example: "10.0.0.0/8,192.168.1.7",
    description: "The proxies whose `X-Forwarded-For` counts: addresses or networks, separated by commas.",
};

/// The listener and what bounds a request.
#[derive(Debug, Clone)]
pub struct Http {
    /// `ULTRA_LISTEN`.
    pub listen: SocketAddr,
    /// `ULTRA_HTTP_REQUEST_TIMEOUT`.
    pub request_timeout: Duration,
    /// `ULTRA_HTTP_DRAIN_TIMEOUT`.
    pub drain_timeout: Duration,
    /// `ULTRA_HTTP_MAX_BODY_BYTES`.
    pub max_body_bytes: usize,
    /// `ULTRA_HTTP_MAX_CONNECTIONS`.
    pub max_connections: usize,
    /// `ULTRA_HTTP_CORS_ORIGINS` and `ULTRA_HTTP_CORS_CREDENTIALS`; without it no other origin's page may call.
    pub cors: Option<Cors>,
    /// `ULTRA_HTTP_TRUSTED_PROXIES`.
    pub trusted_proxies: Vec<IpNet>,
}

impl Http {
    pub(super) fn read(source: &mut Source) -> Option<Self> {
        let listen = read_listen(source);
        let request_timeout = source.duration(&REQUEST_TIMEOUT);
        let drain_timeout = source.duration(&DRAIN_TIMEOUT);
        let max_body_bytes = source.number(&MAX_BODY_BYTES);
        let max_connections = source.number(&MAX_CONNECTIONS);
        let cors = Cors::read(source);
        let trusted_proxies = read_proxies(source);
        Some(Self {
            listen: listen?,
            request_timeout: request_timeout?,
            drain_timeout: drain_timeout?,
            max_body_bytes: max_body_bytes?,
            max_connections: max_connections?,
            cors,
            trusted_proxies: trusted_proxies.unwrap_or_default(),
        })
    }

    /// A request timeout below the panel's deadline would cut answers that the panel still counts on.
    pub(super) fn check_against_panel(&self, panel: &Panel, source: &mut Source) {
        if self.request_timeout <= panel.deadline {
            let deadline = format_duration(panel.deadline);
            source.invalid(
                &REQUEST_TIMEOUT,
                &format!("must exceed the panel's deadline, which is {deadline}"),
            );
        }
    }
}

pub(super) fn read_listen(source: &mut Source) -> Option<SocketAddr> {
    source.parse(&LISTEN, |text| {
        text.parse::<SocketAddr>()
            .map_err(|_| "is no address with a port; IPv6 goes in brackets")
    })
}

fn read_proxies(source: &mut Source) -> Option<Vec<IpNet>> {
    let proxies = source.parse(&TRUSTED_PROXIES, |text| {
        let proxy = |text: &str| {
            let text = text.trim();
            let network = text.parse::<IpNet>().ok();
            network
                .or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)))
                .ok_or_else(|| format!("names {text:?}, which is neither an address nor a network"))
        };
        text.split(',').map(proxy).collect::<Result<Vec<_>, _>>()
    })?;
    // Nobody owns more than that; two halves of everything are everything, too.
    let is_too_wide = |network: &IpNet| match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => match network.addr().to_ipv4_mapped() {
            Some(_) => network.prefix_len() < 96 + 8,
            None => network.prefix_len() < 16,
        },
    };
    if source.is_production() && proxies.iter().any(is_too_wide) {
        source.refused(
            &TRUSTED_PROXIES,
            "trusts more addresses than one owner has (less than /8, of IPv6 /16), so that strangers could claim any \
             address; name the proxies' own networks",
        );
    }
    Some(proxies)
}
