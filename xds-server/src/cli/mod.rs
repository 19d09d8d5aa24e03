//! The command `ferrox`.

mod certificate;
mod check;
mod database;
mod encryption;
mod key;
mod revoke;
mod serve;
mod tls;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{
    database::{Database, DatabaseUrl},
    encryption::EncryptionKeys,
};

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
    /// API keys of consumers
    #[command(subcommand)]
    Key(Box<key::Key>),
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
        Command::Key(key) => key.run().await,
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
    Key(#[from] key::KeyError),
    #[error(transparent)]
    Revoke(#[from] revoke::RevokeError),
    #[error("the rows make no sense:\n{}", .0.join("\n"))]
    Problems(Vec<String>),
    #[error("there is no TLS: {0}")]
    NoTls(rustls::Error),
    #[error("cannot handle signals: {0}")]
    Signals(std::io::Error),
}
