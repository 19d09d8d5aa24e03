//! The command `ferrox`; see the crate's documentation.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    ferrox_xds_server::cli::run().await
}
