//! Where a request comes from, seen through the proxies that the configuration trusts.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, request::Parts},
};
use ipnet::IpNet;

use super::{Api, Problem};

/// The address of whoever makes the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

impl ClientAddress {
    pub(super) fn of(extensions: &Extensions, headers: &HeaderMap, api: &Api) -> Result<Self, Problem> {
        let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() else {
            tracing::error!("the server was started without its connections' addresses");
            return Err(Problem::internal());
        };
        Ok(Self(client(peer.ip(), headers, &api.trusted_proxies)))
    }
}

impl FromRequestParts<Api> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        Self::of(&parts.extensions, &parts.headers, api)
    }
}

/// From the peer back along `X-Forwarded-For`, as far as each hop was told by a proxy that is trusted. What a client
/// itself wrote there lies beyond.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    let mut client = peer.to_canonical();
    for hop in hops.into_iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        match address(hop.trim()) {
            Some(address) => client = address.to_canonical(),
            None => break,
        }
    }
    client
}

/// An address, as proxies write it: some add the port, and some brackets.
fn address(hop: &str) -> Option<IpAddr> {
    let alone = || hop.parse().ok();
    let with_port = || Some(hop.parse::<SocketAddr>().ok()?.ip());
    let bracketed = || {
        let inner = hop.strip_prefix('[')?.strip_suffix(']')?;
        Some(IpAddr::V6(inner.parse().ok()?))
    };
    alone().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        assert_eq!(of("203.0.113.9", &["1.1.1.1"], &[]), "203.0.113.9");
        assert_eq!(of("203.0.113.9", &["1.1.1.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(
            of("10.0.0.1", &["1.1.1.1, 203.0.113.9"], &["10.0.0.0/8"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn trusted_proxies_are_looked_through() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"];
        assert_eq!(of("10.0.0.1", &["203.0.113.9"], &trusted), "203.0.113.9");
        assert_eq!(
            of("10.0.0.1", &["203.0.113.9", "10.0.0.2"], &trusted),
            "203.0.113.9"
        );
        assert_eq!(of("::ffff:10.0.0.1", &["203.0.113.9"], &trusted), "203.0.113.9");
        for (written, address) in [
            ("203.0.113.9:5678", "203.0.113.9"),
            ("[2001:dba::1]:5678", "2001:dba::1"),
            ("[2001:dba::1]", "2001:dba::1"),
            ("2001:dba::1", "2001:dba::1"),
            ("[::ffff:203.0.113.9]:1", "203.0.113.9"),
        ] {
            assert_eq!(of("10.0.0.1", &[written], &trusted), address);
            let through = format!("{written}, 10.0.0.2:80, [2001:db8::7]:443");
            assert_eq!(of("10.0.0.1", &[&through], &trusted), address);
        }
        for rubbish in [
            "rubbish",
            "[203.0.113.9]",
            "203.0.113.9:x",
            "203.0.113.9:99999",
            "[::1",
            "",
        ] {
            assert_eq!(of("10.0.0.1", &[rubbish], &trusted), "10.0.0.1");
        }
        assert_eq!(of("10.0.0.1", &[], &trusted), "10.0.0.1");
    }
}
