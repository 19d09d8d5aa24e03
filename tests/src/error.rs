//! Why the testbed could not do what it was asked.

use std::{io, path::PathBuf, process::ExitStatus};

/// A failure of the testbed. Each tells what to do, or shows the end of the log that tells.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program or file that `make setup`, `make wasm` or `make build` provides is not there.
    #[error("{what} is missing: {hint}")]
    Missing {
        /// What was looked for.
        what: String,
        /// How to get it.
        hint: &'static str,
    },
    /// A file or process could not be handled.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// A port that was asked for by number is in use.
    #[error("port {port} ({purpose}) is in use by {owner}: stop that, or choose another port with {flag}")]
    PortBusy {
        /// The port.
        port: u16,
        /// What it was meant for.
        purpose: &'static str,
        /// Who listens there.
        owner: String,
        /// The flag that chooses another.
        flag: &'static str,
    },
    /// No free port was found.
    #[error("no free port was found on 127.0.0.1")]
    NoFreePort,
    /// A process ended although it should run.
    #[error("{name} ended ({status}); the end of {log}:\n{tail}", log = .log.display())]
    Ended {
        /// Which process.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A process did not get where it should in time.
    #[error("{name} was not {what} within {seconds} s; the end of {log}:\n{tail}", log = .log.display())]
    NotReady {
        /// Which process.
        name: String,
        /// What was waited for.
        what: &'static str,
        /// How long.
        seconds: u64,
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A condition was not met in time.
    #[error("not within {seconds} s: {what}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// PostgreSQL refused.
    #[error("PostgreSQL: {0}")]
    Sql(#[from] sqlx::Error),
    /// An HTTP request of the testbed itself failed.
    #[error("HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// `envoy/bootstrap.yaml` is not what the testbed knows how to fill.
    #[error("envoy/bootstrap.yaml: {0}")]
    Bootstrap(String),
    /// A key or token could not be made.
    #[error("cannot make {what}: {reason}")]
    Credential {
        /// What was to be made.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// Another `up` runs.
    #[error(
        "the gateway is already up (process {0}): stop it with 'make down', or with Ctrl-C where it runs"
    )]
    AlreadyUp(String),
    /// A running `up` did not end.
    #[error("process {0} is still running 60 s after it was asked to stop")]
    StillUp(i32),
}

impl Error {
    /// For `map_err`: says what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing: doing.into(), source }
    }
}
