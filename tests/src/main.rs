//! `ferrox-testbed`: the whole gateway on loopback, for a person.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ferrox_testbed::up::{self, DownOptions, UpOptions};

#[derive(Parser)]
#[command(name = "ferrox-testbed", version, about = "The whole gateway on loopback")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything with a sample configuration, and stop it on Ctrl-C
    Up(UpOptions),
    /// Stop what `up` started
    Down(DownOptions),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Up(options) => up::up(options).await,
        Command::Down(options) => up::down(options).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrox-testbed: {error}");
            ExitCode::FAILURE
        }
    }
}
