//! From settings to a serving sidecar, and what can prevent it.

use std::io;

use ferrox_policy::sidecar::Address;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Settings, Sidecar, UrlError, logs};

/// Why the sidecar did not start. The message names the setting, never a secret.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on, e.g. because another process does.
    #[error("cannot listen on {address} (--listen): {reason}")]
    Listen {
        /// The address of the setting.
        address: Address,
        /// The system's reason.
        reason: io::Error,
    },
    /// The Redis URL does not parse.
    #[error("the Redis URL (--redis-url, FERROX_REDIS_URL) makes no sense: {0}")]
    RedisUrl(#[from] UrlError),
    /// A file for the TLS of Redis is of no use.
    #[error("cannot use the file of {setting}: {reason}")]
    RedisTls {
        /// The setting that names the file.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The log level does not parse.
    #[error(
        "the log level (--log, FERROX_LOG) must be error, warn, info, debug, trace or a list of target=level"
    )]
    LogLevel,
    /// The log was started already in this process.
    #[error("the log cannot be started: {0}")]
    Log(String),
    /// The signals that stop the sidecar cannot be listened for.
    #[error("cannot listen for SIGTERM and SIGINT: {0}")]
    Signals(io::Error),
}

/// Runs the sidecar until SIGTERM or SIGINT, then lets the requests under way finish.
///
/// # Errors
/// When it cannot start. Redis need not be there for that: requests get 503 until it is.
pub async fn run(settings: Settings) -> Result<(), StartError> {
    logs::start(&settings)?;
    let stop = stop_signal().map_err(StartError::Signals)?;
    Sidecar::bind(&settings).await?.serve(stop).await;
    Ok(())
}

fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
