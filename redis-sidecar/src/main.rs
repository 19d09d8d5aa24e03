//! The binary of the Redis sidecar: settings in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use ferrox_redis_sidecar::{Settings, run};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Settings::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrox-redis-sidecar: {error}");
            ExitCode::FAILURE
        }
    }
}
