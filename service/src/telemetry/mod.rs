//! What the service tells about itself: logs now; metrics and traces will live here too.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, util::TryInitError};
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogFormat, Telemetry};

/// Starts logging to the standard output, for the whole process.
pub fn start(config: &Telemetry) -> Result<(), TryInitError> {
    let filter = EnvFilter::try_new(&config.log_filter).unwrap_or_default();
    let registry = tracing_subscriber::registry().with(filter);
    match config.log_format {
        LogFormat::Json => registry.with(fmt::layer().json().flatten_event(true)).try_init(),
        LogFormat::Pretty => {
            let colours = std::io::stdout().is_terminal();
            registry.with(fmt::layer().with_ansi(colours)).try_init()
        }
    }
}
