//! What authentication costs: Envoy's processor time for a request, with the auth filter and with Envoy's own filters.
//!
//! `make bench-auth` runs it; [`ferrox_testbed::bench`] tells how.

mod bed;
mod configuration;
mod requests;
mod rounds;
mod table;
mod variant;

use std::process::ExitCode;

use clap::Parser;
use ferrox_testbed::bench::{Failure, choice::chosen, schedule::Schedule};

use crate::{bed::Bed, requests::Pools, rounds::Rounds};

#[derive(Debug, Parser)]
#[command(name = "auth", about = "Envoy's CPU for a request, by the auth filter and by Envoy's own")]
struct Options {
    #[command(flatten)]
    schedule: Schedule,
    /// Measure what each algorithm costs, verified by Envoy and in wasm, instead
    #[arg(long)]
    algorithms: bool,
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
    let variants = chosen(all, &options.schedule.only)?;
    let pools = Pools::fill(&variants)?;
    let bed = Bed::start(&variants).await?;
    let mut rounds =
        Rounds::warm_up(&bed, &variants, &pools, options.schedule.clients, options.schedule.turn()).await?;
    for round in 1..=options.schedule.rounds {
        eprintln!("round {round} of {}", options.schedule.rounds);
        rounds.turn(&bed, &variants, &pools).await?;
    }
    let measured = rounds.finish();
    match options.algorithms {
        true => println!("{}", table::algorithms(&variants, &measured)),
        false => println!("{}", table::comparison(&variants, &measured)),
    }
    Ok(())
}
