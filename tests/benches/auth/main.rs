//! What authentication costs: Envoy's processor time for a request, with the auth filter and with Envoy's own filters.
//!
//! `make bench-auth` runs it; [`ferrox_testbed::bench`] tells how.

mod bed;
mod configuration;
mod requests;
mod rounds;
mod table;
mod variant;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use ferrox_testbed::bench::{Failure, choice::chosen};

use crate::{bed::Bed, requests::Pools, rounds::Rounds};

#[derive(Debug, Parser)]
#[command(name = "auth", about = "Envoy's CPU for a request, by the auth filter and by Envoy's own")]
struct Options {
    /// How often each variant has its turn
    #[arg(long, env = "FERROX_BENCH_ROUNDS", default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Processor time of a turn in milliseconds; the kernel counts in steps of 10
    #[arg(long, env = "FERROX_BENCH_TURN_MS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    turn_ms: u32,
    /// Clients, each with a connection and one request at a time
    #[arg(long, env = "FERROX_BENCH_CLIENTS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    clients: u16,
    /// Only variants whose name contains one of these; what they are compared with is measured too
    #[arg(long)]
    only: Vec<String>,
    /// Measure what each algorithm costs, verified by Envoy and in wasm, instead
    #[arg(long)]
    algorithms: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

// One thread: the machine's other cores are Envoy's.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench-auth: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Failure> {
    let all = if options.algorithms { variant::of_algorithms() } else { variant::all() };
    let variants = chosen(all, &options.only)?;
    let pools = Pools::fill(&variants)?;
    let bed = Bed::start(&variants).await?;
    let turn = Duration::from_millis(options.turn_ms.into());
    let mut rounds = Rounds::warm_up(&bed, &variants, &pools, options.clients, turn).await?;
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        rounds.turn(&bed, &variants, &pools).await?;
    }
    let measured = rounds.finish();
    match options.algorithms {
        true => println!("{}", table::algorithms(&variants, &measured)),
        false => println!("{}", table::comparison(&variants, &measured)),
    }
    Ok(())
}
