//! URLs of servers that the service logs in to, and what production asks of them.

use std::{net::IpAddr, path::Path};

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::{Errors, Kind, Profile, Variable, source::Source};
use crate::domain::is_known_secret;

/// The shortest password that production takes.
const MIN_PASSWORD_CHARS: usize = 12;

/// What a URL says of its server, as far as safety goes.
#[derive(Debug)]
pub(super) struct Server {
    /// The URL.
    pub(super) url: SecretString,
    /// Whether other machines lie between here and there.
    pub(super) is_remote: bool,
    /// Whether whoever sits in between can neither read nor pose as the server to a client that checks.
    pub(super) is_encrypted: bool,
    /// How the service logs in.
    pub(super) login: Login,
}

/// How the service logs in to a server.
#[derive(Debug)]
pub(super) enum Login {
    /// With this password.
    Password(SecretString),
    /// With a certificate.
    Certificate,
    /// Without a proof.
    None,
}

/// What to write instead, for one kind of server.
pub(super) struct Remedy {
    /// In words.
    pub(super) words: &'static str,
    /// As a URL.
    pub(super) example: &'static str,
}

impl Server {
    /// What a variable says of its server, checked by the profile's rules.
    pub(super) fn read(
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<Self, String>,
        remedy: &Remedy,
        source: &mut Source,
    ) -> Option<Self> {
        let server = source.parse(variable, parse)?;
        server.check(variable, remedy, source);
        Some(server)
    }

    /// The URL that a file of the variable holds by now, under the rules that held at the start.
    pub(super) fn url_in(
        file: &Path,
        variable: &Variable,
        profile: Profile,
        read: impl FnOnce(&mut Source) -> Option<Self>,
    ) -> Result<SecretString, Errors> {
        let name = variable.file_variable().unwrap_or_default();
        let mut source = Source::new([(name, file.display().to_string())]);
        source.set_profile(Some(profile));
        let server = read(&mut source);
        source.finish(server.map(|server| server.url))
    }

    /// Production talks to other hosts in cipher only and with a password, and nowhere with one that can be guessed:
    /// whoever gets onto this machine would get into its servers, too.
    fn check(&self, variable: &Variable, remedy: &Remedy, source: &mut Source) {
        if !source.is_production() {
            return;
        }
        let mut refuse = |problem: &str| {
            let example = Some(format!("{}={}", variable.name, remedy.example));
            source.refuse_with(variable, Kind::Refused, problem, example);
        };
        if self.is_remote && !self.is_encrypted {
            refuse(&format!(
                "would send passwords and prompts in plain text to another host, which production refuses; {}",
                remedy.words
            ));
        }
        match &self.login {
            Login::Certificate => {}
            Login::None if self.is_remote => {
                refuse("has no password, which production refuses for another host; set one");
            }
            Login::None => {}
            Login::Password(password) => {
                let password = password.expose_secret();
                if password.chars().count() < MIN_PASSWORD_CHARS {
                    refuse(&format!(
                        "has a short password, which production refuses; set one of {MIN_PASSWORD_CHARS} characters \
                         or more"
                    ));
                } else if is_known_secret(password) {
                    refuse(
                        "has a password that everybody tries first, which production refuses; set another",
                    );
                }
            }
        }
    }
}

/// Parses a URL without showing it, because it holds a password.
pub(super) fn parse_url(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    if !schemes.contains(&url.scheme()) {
        // A text that only looks like a URL may begin with the secret.
        return Err(format!("has another scheme than {}", schemes.join(" or ")));
    }
    Ok(url)
}

/// The password in a URL, or none where there is none.
pub(super) fn login(url: &Url) -> Result<Login, String> {
    match url.password() {
        None | Some("") => Ok(Login::None),
        Some(encoded) => decode(encoded)
            .map(|password| Login::Password(SecretString::from(password)))
            .ok_or_else(|| "has a password that is not UTF-8 when it is decoded".to_owned()),
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches([']', '.']);
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => {
            let host = host.to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// Whether a web address is this machine.
pub(super) fn is_loopback_url(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).to_canonical().is_loopback(),
        Some(Host::Domain(name)) => is_loopback(name),
        None => false,
    }
}

/// Undoes percent-encoding.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = (first == b'%').then(|| tail.get(..2)).flatten();
        let decoded = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "db.localhost",
            "127.0.0.1",
            "127.8.8.8",
            "[::1]",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "localhost.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "::",
            "[fe80::1]",
            "notlocalhost",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn passwords_are_measured_as_the_server_sees_them() {
        assert_eq!(decode("a%20b%zz%2"), Some("a b%zz%2".to_owned()));
        assert_eq!(decode("%C3%A4"), Some("ä".to_owned()));
        assert_eq!(decode("%ff"), None);
    }
}
