//! The command `ferrox`.

mod certificate;
mod check;
mod encryption;
mod revoke;
mod serve;
mod tls;

use std::{fmt, process::ExitCode, str::FromStr};

use clap::{Args, Parser, Subcommand};

use self::encryption::EncryptionKeys;
use crate::store::Store;

/// The control plane of Ferrox.
#[derive(Debug, Parser)]
#[command(name = "ferrox", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve what the rows in PostgreSQL say to Envoy, over xDS
    Serve(Box<serve::Serve>),
    /// Check the rows in PostgreSQL and change nothing; exit status 1 if they make no sense
    Check(check::Check),
    /// Certificates that listeners show to clients, and Envoys to upstreams
    #[command(subcommand)]
    Certificate(certificate::Certificate),
    /// Tokens that are refused before they expire
    #[command(subcommand)]
    Revoke(revoke::Revoke),
    /// Print a new key for FERROX_ENCRYPTION_KEYS
    EncryptionKey,
}

/// Runs the command line of this process.
pub async fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(serve) => serve.run().await,
        Command::Check(check) => check.run().await,
        Command::Certificate(certificate) => certificate.run().await,
        Command::Revoke(revoke) => revoke.run().await,
        Command::EncryptionKey => encryption::print_new(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrox: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why a command failed, in a sentence.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("cannot listen on {address} ({setting}): {source}")]
    Listen { setting: &'static str, address: std::net::SocketAddr, source: std::io::Error },
    #[error("{0} stopped: {1}")]
    Stopped(&'static str, String),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error("encryption keys (FERROX_ENCRYPTION_KEYS): {0}")]
    EncryptionKeys(crate::secrets::SecretError),
    #[error(transparent)]
    Certificate(#[from] certificate::CertificateError),
    #[error(transparent)]
    Revoke(#[from] revoke::RevokeError),
    #[error("the rows make no sense:\n{}", .0.join("\n"))]
    Problems(Vec<String>),
    #[error("there is no TLS: {0}")]
    NoTls(rustls::Error),
    #[error("cannot handle signals: {0}")]
    Signals(std::io::Error),
}

/// For commands that need nothing but the database.
#[derive(Debug, Args)]
struct Database {
    /// Where the rows are, `postgres://…`
    #[arg(long, env = "FERROX_DATABASE_URL", hide_env_values = true)]
    database_url: DatabaseUrl,
}

impl Database {
    fn store(&self) -> Result<Store, CliError> {
        Ok(Store::connect(self.database_url.expose())?)
    }
}

/// Where PostgreSQL is. Holds a password, so it does not print.
#[derive(Clone)]
struct DatabaseUrl(String);

impl DatabaseUrl {
    fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = std::convert::Infallible;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Ok(Self(url.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DatabaseUrl(…)")
    }
}
