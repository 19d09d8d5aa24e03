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

use std::process::ExitCode;

use clap::Parser;
use ferrox_testbed::bench::{Failure, choice::chosen, schedule::Schedule};

use crate::{bed::Bed, requests::Pools, rounds::Rounds};

#[derive(Debug, Parser)]
#[command(
    name = "rate-limit",
    about = "Envoy's CPU for a request, and that of what it asks, by two ways to limit"
)]
struct Options {
    #[command(flatten)]
    schedule: Schedule,
    /// Measure the sidecar without Envoy instead
    #[arg(long)]
    alone: bool,
    /// Measure the variants only, not the sidecar without Envoy
    #[arg(long, conflicts_with = "alone")]
    in_envoy: bool,
    #[command(flatten)]
    load: alone::Load,
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
        println!("{}", table::alone(&alone::measure(&options.load, options.schedule.rounds).await?));
    }
    Ok(())
}

/// All variants, as tables.
async fn in_envoy(options: &Options) -> Result<String, Failure> {
    let variants = chosen(variant::all(), &options.schedule.only)?;
    let pools = Pools::fill();
    let bed = Bed::start(&variants).await?;
    let mut rounds =
        Rounds::warm_up(&bed, &variants, &pools, options.schedule.clients, options.schedule.turn()).await?;
    for round in 1..=options.schedule.rounds {
        eprintln!("round {round} of {}", options.schedule.rounds);
        rounds.turn(&bed, &variants, &pools).await?;
    }
    Ok(table::in_envoy(&variants, &rounds.finish()))
}
