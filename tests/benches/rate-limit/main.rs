//! What rate limits cost: Envoy's processor time for a request, and that of what it asks, with the rate-limit filter and with
//! Envoy's own in front of limitador.
//!
//! `make bench-rate-limit` runs it; [`ferrox_testbed::bench`] tells how.

mod alone;
mod bed;
mod configuration;
mod connection;
mod requests;
mod rounds;
mod services;
mod table;
mod variant;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use ferrox_testbed::bench::{Failure, choice::chosen};

use crate::{bed::Bed, requests::Pools, rounds::Rounds};

#[derive(Debug, Parser)]
#[command(
    name = "rate-limit",
    about = "Envoy's CPU for a request, and that of what it asks, by two ways to limit"
)]
struct Options {
    /// How often each variant has its turn
    #[arg(long, env = "FERROX_BENCH_ROUNDS", default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Envoy's processor time of a turn in milliseconds; the kernel counts in steps of 10
    #[arg(long, env = "FERROX_BENCH_TURN_MS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    turn_ms: u32,
    /// Clients, each with a connection and one request at a time
    #[arg(long, env = "FERROX_BENCH_CLIENTS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    clients: u16,
    /// Only variants whose name contains one of these; what they are compared with is measured too
    #[arg(long)]
    only: Vec<String>,
    /// Measure the sidecar without Envoy instead
    #[arg(long)]
    alone: bool,
    /// Measure the variants only, not the sidecar without Envoy
    #[arg(long, conflicts_with = "alone")]
    in_envoy: bool,
    #[command(flatten)]
    load: alone::Load,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

// One thread: the machine's other cores are Envoy's and the services'.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench-rate-limit: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Failure> {
    if !options.alone {
        println!("{}", in_envoy(options).await?);
    }
    if !options.in_envoy {
        println!("{}", table::alone(&alone::measure(&options.load, options.rounds).await?));
    }
    Ok(())
}

/// All variants, as tables.
async fn in_envoy(options: &Options) -> Result<String, Failure> {
    let variants = chosen(variant::all(), &options.only)?;
    let pools = Pools::fill();
    let bed = Bed::start(&variants).await?;
    let turn = Duration::from_millis(options.turn_ms.into());
    let mut rounds = Rounds::warm_up(&bed, &variants, &pools, options.clients, turn).await?;
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        rounds.turn(&bed, &variants, &pools).await?;
    }
    Ok(table::in_envoy(&variants, &rounds.finish()))
}
