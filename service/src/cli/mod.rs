//! The command line: one file for each group of subcommands.

mod keys;
mod migrate;
mod secrets;
mod token;
mod users;

use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    signal::unix::{SignalKind, signal},
};
use ultra_service::{
    config::{self, Config},
    http, startup, telemetry,
};

/// EX_CONFIG of sysexits.h: starting again without a change would be of no use.
const WRONG_CONFIGURATION: u8 = 78;

const HEALTH_CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// The Ultra API service.
#[derive(Debug, Parser)]
#[command(name = "ultra-service", version, about)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; what runs without a subcommand.
    Serve,
    /// Ask the service at `ULTRA_LISTEN` whether it is ready; the exit status tells.
    Healthcheck,
    /// Print the OpenAPI document.
    Openapi,
    /// What can be configured.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Bring the database's schema up to date, or only look whether it is. Several may do so at once.
    Migrate(migrate::Arguments),
    /// Accounts of people.
    #[command(subcommand)]
    Users(users::Command),
    /// The keys that sign access tokens.
    #[command(subcommand)]
    Keys(keys::Command),
    /// The providers' keys in the store, and the master key that they are encrypted under.
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Mint a token for tests, which only the testing profile accepts.
    Token(token::Arguments),
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Say whether the service would start with the environment as it is; the exit status is 78 where it would not.
    Check,
    /// Print all that applies, with where each value comes from; secrets are redacted.
    Show,
    /// Print a JSON Schema.
    Schema {
        /// Of what.
        #[arg(value_enum, default_value_t = SchemaOf::Variables)]
        of: SchemaOf,
    },
    /// Print a `.env` file with every variable.
    Env,
    /// Print the documentation of every variable.
    Docs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaOf {
    /// The environment variables.
    Variables,
    /// The file that `ULTRA_CONFIG_FILE` names.
    File,
}

pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command.unwrap_or(Command::Serve) {
        Command::Openapi => print(&http::openapi()),
        Command::Config(command) => configuration(command),
        Command::Serve => configured(serve),
        Command::Healthcheck => match Config::listen_address(environment(), dotenv()) {
            Ok(address) => run_to_end(healthcheck(address)),
            Err(errors) => Ok(refuse(&errors)),
        },
        Command::Migrate(arguments) => configured(async |config| migrate::run(arguments, config).await),
        Command::Users(command) => configured(async |config| users::run(command, config).await),
        Command::Keys(command) => keys::run(&command),
        Command::Secrets(command) => configured(async |config| secrets::run(command, config).await),
        Command::Token(arguments) => token::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

fn configuration(command: ConfigCommand) -> anyhow::Result<ExitCode> {
    let text = match command {
        ConfigCommand::Check => Config::load(environment(), dotenv()).map(|config| {
            let profile = config.profile;
            format!("OK: the service would start in the {profile} profile\n")
        }),
        ConfigCommand::Show => config::show(environment(), dotenv()),
        ConfigCommand::Schema { of } => Ok(match of {
            SchemaOf::Variables => config::schema::variables(),
            SchemaOf::File => config::schema::file(),
        }),
        ConfigCommand::Env => Ok(config::docs::dotenv()),
        ConfigCommand::Docs => Ok(config::docs::markdown()),
    };
    text.map_or_else(|errors| Ok(refuse(&errors)), |text| print(&text))
}

/// The layer below the environment, in the working directory.
fn dotenv() -> Option<&'static Path> {
    Some(Path::new(".env"))
}

/// The environment. What is not Unicode keeps its place, so that the configuration can name it.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.to_string_lossy().into_owned()))
    })
}

fn configured(command: impl AsyncFnOnce(Config) -> anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    let config = match Config::load(environment(), dotenv()) {
        Ok(config) => config,
        Err(errors) => return Ok(refuse(&errors)),
    };
    run_to_end(command(config))
}

fn run_to_end(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(command)?;
    Ok(ExitCode::SUCCESS)
}

fn refuse(errors: &config::Errors) -> ExitCode {
    complain(&errors.to_string());
    ExitCode::from(WRONG_CONFIGURATION)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::start(&config.telemetry)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    startup::Application::build(config)
        .await?
        .run_until(shutdown)
        .await?;
    Ok(())
}

async fn healthcheck(listen: SocketAddr) -> anyhow::Result<()> {
    let address = reachable(listen);
    let status = tokio::time::timeout(HEALTH_CHECK_TIMEOUT, ready_status(address))
        .await
        .with_context(|| format!("no answer from {address} in {HEALTH_CHECK_TIMEOUT:?}"))?
        .with_context(|| format!("cannot ask {address}"))?;
    anyhow::ensure!(status == "200", "{address} is not ready: status {status}");
    Ok(())
}

/// An address that listens everywhere is asked on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ready_status(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4_096).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.split_whitespace().nth(1).unwrap_or("none").to_owned())
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn complain(message: &str) {
    // There is nobody left to tell where even this fails.
    let _ = writeln!(io::stderr(), "ultra-service: {message}");
}
