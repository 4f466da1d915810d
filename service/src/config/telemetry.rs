use tracing_subscriber::EnvFilter;

use super::{Default, Profile, Variable, source::Source};

pub(super) const LOG_FORMAT: Variable = Variable {
    name: "ULTRA_LOG_FORMAT",
    concern: "telemetry",
    secret: false,
    default: Default::Depends("pretty in development, else json"),
    example: "json",
    description: "json: one object a line. pretty: for people.",
};

pub(super) const RUST_LOG: Variable = Variable {
    name: "RUST_LOG",
    concern: "telemetry",
    secret: false,
    default: Default::Value("info"),
    example: "info,ultra_service=debug",
    description: "What is logged, as tracing's filter directives.",
};

/// What the service tells about itself.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// `ULTRA_LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `RUST_LOG`.
    pub log_filter: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

impl Telemetry {
    pub(super) fn read(source: &mut Source, profile: Option<Profile>) -> Option<Self> {
        let log_format = match source.text(&LOG_FORMAT).as_deref() {
            Some("json") => Some(LogFormat::Json),
            Some("pretty") => Some(LogFormat::Pretty),
            Some(_) => {
                source.invalid(&LOG_FORMAT, "is neither json nor pretty");
                None
            }
            None if profile == Some(Profile::Development) => Some(LogFormat::Pretty),
            None => Some(LogFormat::Json),
        };
        let log_filter = source.parse(&RUST_LOG, |text| {
            EnvFilter::try_new(text).map(|_| text.to_owned())
        });
        Some(Self {
            log_format: log_format?,
            log_filter: log_filter?,
        })
    }
}
