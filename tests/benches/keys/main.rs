//! What API keys cost the auth filter in a real Envoy, in each form in which they can be configured.
//!
//! `make bench-keys` runs it. It reports the bytes of a configuration, how long a VM takes it in, the memory of a VM after many
//! changes of one key, and the CPU time that Envoy uses for a request with a known key.

mod form;
mod gateway;

use std::process::ExitCode;

use clap::Parser;

use crate::{form::Form, gateway::Gateway};

/// Why the bench could not go on.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(name = "keys", about = "What API keys cost the auth filter")]
struct Options {
    /// Keys, each of a consumer of its own
    #[arg(long, default_value_t = 100_000)]
    keys: u32,
    /// Bytes of a consumer's name, at least 8
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(8..=255))]
    name: u16,
    /// Changes of one key each
    #[arg(long, default_value_t = 20)]
    changes: u32,
    /// Requests of one measurement
    #[arg(long, default_value_t = 20_000)]
    requests: u32,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench-keys: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Failure> {
    let mut one = Gateway::start(Form::Set, 1, options.name).await?;
    println!("form       bytes  first ms  change ms  memory MiB  after MiB  request us  with one key us");
    for form in [Form::Set, Form::Entries] {
        let mut gateway = Gateway::start(form, options.keys, options.name).await?;
        let (bytes, first, memory) =
            (gateway.bytes(), gateway.configured_ms().await?, gateway.memory().await?);
        let change = median_change(&mut gateway, options.changes).await?;
        let after = gateway.memory().await?;
        let [many, few] = request_us(&mut gateway, &mut one, options.requests).await?;
        println!(
            "{form:<7} {bytes:>8}  {first:>8.1}  {change:>9.1}  {memory:>10.1}  {after:>9.1}  {many:>10.1}  {few:>15.1}"
        );
    }
    Ok(())
}

/// How many milliseconds a VM needs to take in one more key.
async fn median_change(gateway: &mut Gateway, changes: u32) -> Result<f64, Failure> {
    let mut needed = Vec::new();
    for _ in 0..changes {
        gateway.add_key().await?;
        needed.push(gateway.configured_ms().await?);
    }
    needed.sort_by(f64::total_cmp);
    Ok(needed.get(needed.len() / 2).copied().unwrap_or_default())
}

/// CPU time for a request to each, in turns, since what else the machine does changes both.
async fn request_us(many: &mut Gateway, one: &mut Gateway, requests: u32) -> Result<[f64; 2], Failure> {
    const TURNS: u32 = 20;
    let each = (requests / TURNS).max(1);
    let mut used = [0.0; 2];
    for _ in 0..TURNS {
        for (gateway, used) in [&mut *many, &mut *one].into_iter().zip(&mut used) {
            *used += gateway.cpu_us(each).await?;
        }
    }
    Ok(used.map(|microseconds| microseconds / f64::from(TURNS * each)))
}
