//! The container engine: the one that is there, else the distribution's own.
//!
//! The engine belongs to the machine, not to a run: what is installed and started here stays up.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bollard::Docker;
use nix::unistd::Uid;

use super::Provisioner;
use super::error::{Error, Result};
use crate::program::which;

const PING_TIMEOUT: Duration = Duration::from_secs(3);
const DAEMON_START_TIMEOUT: Duration = Duration::from_secs(60);
const DAEMON_POLL_INTERVAL: Duration = Duration::from_millis(100);
const DAEMON_SOCKET: &str = "/var/run/docker.sock";
const PACKAGE: &str = "docker.io";
const PACKAGE_SPACE_MB: u64 = 400;
/// The largest image, while it is built.
const IMAGE_SPACE_MB: u64 = 1500;
const REMEDY: &str =
    "start Docker or Podman, or set DOCKER_HOST to an engine that you may use, then run again";

/// A live container engine.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    endpoint: String,
}

impl Engine {
    /// Finds the engine that answers, by `DOCKER_HOST` or else at the sockets where engines listen; installs and starts nothing.
    pub async fn detect() -> Result<Self> {
        if let Some(endpoint) = endpoint_from_env() {
            return Self::connect(&endpoint).await.map_err(|reason| Error::NoEngine {
                reason: format!("DOCKER_HOST={endpoint} does not answer: {reason}"),
                remedy: "correct DOCKER_HOST or unset it, then run again".to_owned(),
            });
        }
        let mut refusals = Vec::new();
        for socket in well_known_sockets().into_iter().filter(|socket| socket.exists()) {
            match Self::connect(&format!("unix://{}", socket.display())).await {
                Ok(engine) => return Ok(engine),
                Err(reason) => refusals.push(format!("{} does not answer ({reason})", socket.display())),
            }
        }
        let reason = match refusals.is_empty() {
            true => "none of the known sockets exists".to_owned(),
            false => refusals.join(", "),
        };
        Err(Error::NoEngine {
            reason,
            remedy: REMEDY.to_owned(),
        })
    }

    async fn connect(endpoint: &str) -> Result<Self, String> {
        let docker = Docker::connect_with_host(endpoint).map_err(|error| root_cause(&error))?;
        let negotiated = tokio::time::timeout(PING_TIMEOUT, async {
            docker.ping().await?;
            docker.negotiate_version().await
        });
        match negotiated.await {
            Ok(Ok(docker)) => Ok(Self {
                docker,
                endpoint: endpoint.to_owned(),
            }),
            Ok(Err(error)) => Err(root_cause(&error)),
            Err(_) => Err(format!("no answer in {} s", PING_TIMEOUT.as_secs())),
        }
    }

    /// The client of the engine's API.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// The address as `DOCKER_HOST` takes it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The host's address on the default container network, where containers reach what the host serves.
    pub async fn bridge_gateway(&self) -> Result<IpAddr> {
        let action = "tell the default network's gateway";
        let networks = self
            .docker
            .list_networks(None::<bollard::query_parameters::ListNetworksOptions>)
            .await
            .map_err(|error| self.error(action, &error))?;
        let configurations: Vec<_> = networks
            .into_iter()
            .filter(|network| matches!(network.name.as_deref(), Some("bridge" | "podman")))
            .filter_map(|network| network.ipam?.config)
            .flatten()
            .collect();
        let told = configurations
            .iter()
            .filter_map(|config| config.gateway.as_deref()?.parse().ok());
        let routed = configurations
            .iter()
            .filter_map(|config| address_towards(config.subnet.as_deref()?));
        told.chain(routed).find(IpAddr::is_ipv4).ok_or_else(|| {
            self.error(
                action,
                &"it has no network `bridge` or `podman` with an IPv4 gateway",
            )
        })
    }

    /// A request's failure in the words of [`Error`].
    pub(crate) fn error(&self, action: &str, reason: &dyn std::fmt::Display) -> Error {
        let reason = reason.to_string();
        if reason.contains("no space left on device") {
            return Error::disk_full(action, Path::new("the engine's own data folder"), IMAGE_SPACE_MB);
        }
        Error::Engine {
            endpoint: self.endpoint.clone(),
            action: action.to_owned(),
            reason,
        }
    }
}

impl Provisioner {
    /// The engine: a running one, else, as root on Debian or Ubuntu, the distribution's package, started here.
    pub async fn engine(&self) -> Result<Engine> {
        let absent = match Engine::detect().await {
            Ok(engine) => return Ok(engine),
            Err(absent) => absent,
        };
        if let Some(obstacle) = Self::engine_obstacle(&absent) {
            return Err(obstacle);
        }
        let _lock = self.lock("engine", "the container engine").await?;
        if let Ok(engine) = Engine::detect().await {
            return Ok(engine);
        }
        if which("dockerd").is_none() {
            self.install_package().await?;
        }
        self.start_daemon().await
    }

    /// What stands in the way of [`Provisioner::engine`] where no engine answers; none where it would start one.
    pub(crate) fn engine_obstacle(absent: &Error) -> Option<Error> {
        let Error::NoEngine { reason, remedy } = absent else {
            return None;
        };
        let remedy = match endpoint_from_env() {
            Some(_) => remedy.as_str(),
            None => obstacle_to_installing()?,
        };
        Some(Error::NoEngine {
            reason: reason.clone(),
            remedy: remedy.to_owned(),
        })
    }

    async fn install_package(&self) -> Result<()> {
        let step = self
            .progress
            .begin(format!("the container engine: installing the package {PACKAGE}"));
        // The index of a fresh machine is empty, that of an old one may name versions that the mirror no longer has.
        if self
            .apt_get(&["install", "--yes", "--no-install-recommends", PACKAGE])
            .await
            .is_err()
        {
            self.apt_get(&["update"]).await?;
            self.apt_get(&["install", "--yes", "--no-install-recommends", PACKAGE])
                .await?;
        }
        step.done("");
        Ok(())
    }

    async fn apt_get(&self, args: &[&str]) -> Result<String> {
        self.external(
            "installing the container engine",
            "apt-get",
            REMEDY,
            "engine-install",
        )?
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .needs_space(Path::new("/"), PACKAGE_SPACE_MB)
        .run()
        .await
    }

    async fn start_daemon(&self) -> Result<Engine> {
        let step = self.progress.begin("the container engine: starting it");
        let log = self.log("dockerd")?;
        let mut daemon = spawn_daemon(&log)?;
        let deadline = Instant::now() + DAEMON_START_TIMEOUT;
        let unusable = |reason: String| Error::NoEngine {
            reason,
            remedy: format!("see {}, then run again", log.display()),
        };
        loop {
            let refusal = match Engine::connect(&format!("unix://{DAEMON_SOCKET}")).await {
                Ok(engine) => {
                    step.done("it stays up after this run");
                    return Ok(engine);
                }
                Err(refusal) => refusal,
            };
            if let Ok(Some(status)) = daemon.try_wait() {
                // `systemctl start` ends well before the daemon answers; `dockerd` itself must not end.
                if !status.success() {
                    return Err(unusable(format!("its daemon ended with {status}")));
                }
            }
            if Instant::now() > deadline {
                let seconds = DAEMON_START_TIMEOUT.as_secs();
                return Err(unusable(format!(
                    "its daemon did not answer in {seconds} s ({refusal})"
                )));
            }
            tokio::time::sleep(DAEMON_POLL_INTERVAL).await;
        }
    }
}

/// This machine's own address on a network, which older engines do not tell: the one its routes would send from.
fn address_towards(subnet: &str) -> Option<IpAddr> {
    let (network, bits) = subnet.split_once('/')?;
    let network: Ipv4Addr = network.parse().ok()?;
    let mask = u32::MAX
        .checked_shl(32_u32.checked_sub(bits.parse().ok()?)?)
        .unwrap_or(0);
    // Connecting a datagram socket sends nothing.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::from(network.to_bits() | 2), 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) if address.to_bits() & mask == network.to_bits() & mask => Some(address.into()),
        _ => None,
    }
}

/// Starts the daemon by the machine's service manager, or, where there is none, in a session of its own, so that no
/// signal meant for this run reaches it.
fn spawn_daemon(log: &Path) -> Result<tokio::process::Child> {
    let starting = "starting the container engine";
    let file = std::fs::File::create(log).map_err(|error| Error::file(starting, log, error))?;
    let errors = file
        .try_clone()
        .map_err(|error| Error::file(starting, log, error))?;
    let (program, args): (_, &[&str]) = match Path::new("/run/systemd/system").exists() {
        true => ("systemctl", &["start", "docker"]),
        false => ("setsid", &["dockerd"]),
    };
    tokio::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .map_err(|error| Error::file(starting, Path::new(program), error))
}

/// Only root may install packages, and only the families of Debian have them under the names that we know.
fn obstacle_to_installing() -> Option<&'static str> {
    if !Uid::effective().is_root() {
        return Some(
            "start Docker or Podman, or set DOCKER_HOST, then run again (installing an engine would need root)",
        );
    }
    let installable = which("apt-get").is_some() || which("dockerd").is_some();
    (!installable)
        .then_some("install Docker or Podman by this system's own package manager, start it, then run again")
}

/// The innermost reason, which alone tells a refused connection from a forbidden one.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn endpoint_from_env() -> Option<String> {
    std::env::var("DOCKER_HOST")
        .ok()
        .filter(|endpoint| !endpoint.is_empty())
}

/// Docker's own socket, then those of rootless Docker, Docker Desktop and Podman.
fn well_known_sockets() -> Vec<PathBuf> {
    let below = |name: &str, rest: &str| std::env::var_os(name).map(|base| PathBuf::from(base).join(rest));
    [
        Some(PathBuf::from(DAEMON_SOCKET)),
        below("XDG_RUNTIME_DIR", "docker.sock"),
        below("HOME", ".docker/run/docker.sock"),
        below("XDG_RUNTIME_DIR", "podman/podman.sock"),
        Some(PathBuf::from("/run/podman/podman.sock")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_address_on_a_network_comes_from_its_routes() {
        assert!(address_towards("127.0.0.0/8").is_some_and(|address| address.is_loopback()));
        // Nobody has an address of the class that is reserved for ever.
        assert_eq!(address_towards("240.0.0.0/8"), None);
        assert_eq!(address_towards("not a network"), None);
    }
}
