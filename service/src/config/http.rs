use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{Default, Panel, Profile, Variable, source::Source};
use crate::domain::format_duration;

pub(super) const LISTEN: Variable = Variable {
    name: "ULTRA_LISTEN",
    concern: "http",
    secret: false,
    default: Default::Depends("127.0.0.1:8080 in development, else 0.0.0.0:8080"),
    example: "127.0.0.1:8080",
    description: "The address and port to listen on; port 0 takes a free one, which the log shows.",
};

pub(super) const REQUEST_TIMEOUT: Variable = Variable {
    name: "ULTRA_HTTP_REQUEST_TIMEOUT",
    concern: "http",
    secret: false,
    default: Default::Value("2m"),
    example: "2m",
    description: "The longest that a request may take until its answer begins; must exceed the panel's deadline. \
                  Streams are bounded by the panel's deadline alone.",
};

pub(super) const DRAIN_TIMEOUT: Variable = Variable {
    name: "ULTRA_HTTP_DRAIN_TIMEOUT",
    concern: "http",
    secret: false,
    default: Default::Value("30s"),
    example: "30s",
    description: "How long a stopping service waits for the requests and streams that are under way.",
};

pub(super) const MAX_BODY_BYTES: Variable = Variable {
    name: "ULTRA_HTTP_MAX_BODY_BYTES",
    concern: "http",
    secret: false,
    default: Default::Value("1048576"),
    example: "1048576",
    description: "The largest request body.",
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
}

impl Http {
    pub(super) fn read(source: &mut Source, profile: Option<Profile>) -> Option<Self> {
        let default_address = match profile {
            Some(Profile::Development) => Ipv4Addr::LOCALHOST,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let listen = if source.is_set(&LISTEN) {
            source.parse(&LISTEN, |text| {
                text.parse::<SocketAddr>()
                    .map_err(|_| "is no address with a port; IPv6 goes in brackets")
            })
        } else {
            Some(SocketAddr::from((default_address, 8080)))
        };
        let request_timeout = source.duration(
            &REQUEST_TIMEOUT,
            Duration::from_millis(10),
            Duration::from_secs(3600),
        );
        let drain_timeout = source.duration(&DRAIN_TIMEOUT, Duration::ZERO, Duration::from_secs(3600));
        let max_body_bytes = source.number(&MAX_BODY_BYTES, 1_024, 256 * 1024 * 1024);
        Some(Self {
            listen: listen?,
            request_timeout: request_timeout?,
            drain_timeout: drain_timeout?,
            max_body_bytes: max_body_bytes?,
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
