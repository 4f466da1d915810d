use tracing_subscriber::EnvFilter;

use super::{Default, Production, Shape, Variable, source::Source};

pub(super) const LOG_FORMAT: Variable = Variable {
    name: "ULTRA_LOG_FORMAT",
    concern: "telemetry",
    secret: false,
    shape: Shape::Choice(&["json", "pretty"]),
    default: Default::Profiles {
        development: "pretty",
        testing: "json",
        production: "json",
    },
    production: Production::AsElsewhere,
    example: "json",
    description: "json: one object a line. pretty: for people.",
};

pub(super) const RUST_LOG: Variable = Variable {
    name: "RUST_LOG",
    concern: "telemetry",
    secret: false,
    shape: Shape::Text,
    default: Default::Value("info"),
    production: Production::AsElsewhere,
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
    pub(super) fn read(source: &mut Source) -> Option<Self> {
        let log_format = source.choice(&LOG_FORMAT, |text| match text {
            "json" => Some(LogFormat::Json),
            "pretty" => Some(LogFormat::Pretty),
            _ => None,
        });
        let log_filter = source.parse(&RUST_LOG, |text| {
            EnvFilter::try_new(text).map(|_| text.to_owned())
        });
        Some(Self {
            log_format: log_format?,
            log_filter: log_filter?,
        })
    }
}
