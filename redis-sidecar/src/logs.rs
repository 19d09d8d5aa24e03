//! The log: one line for each event on standard output.

use std::io::{IsTerminal, stdout};

use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

use crate::{LogFormat, Settings, StartError};

pub(crate) fn start(settings: &Settings) -> Result<(), StartError> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|_| StartError::LogLevel)?;
    let lines = fmt().with_env_filter(filter);
    let started = match settings.log_format {
        LogFormat::Json => lines.json().finish().try_init(),
        LogFormat::Text => lines.with_ansi(stdout().is_terminal()).finish().try_init(),
    };
    started.map_err(|error| StartError::Log(error.to_string()))
}
