//! Who has a turn, and how long.

use std::time::Duration;

use clap::{Args, value_parser};

/// How long is measured, by how many clients, and which variants.
#[derive(Debug, Args)]
pub struct Schedule {
    /// How often each variant has its turn
    #[arg(long, env = "FERROX_BENCH_ROUNDS", default_value_t = 9, value_parser = value_parser!(u16).range(1..=1000))]
    pub rounds: u16,
    /// Envoy's processor time of a turn in milliseconds; the kernel counts in steps of 10
    #[arg(long, env = "FERROX_BENCH_TURN_MS", default_value_t = 300, value_parser = value_parser!(u32).range(10..=60_000))]
    turn_ms: u32,
    /// Clients, each with a connection and one request at a time
    #[arg(long, env = "FERROX_BENCH_CLIENTS", default_value_t = 8, value_parser = value_parser!(u16).range(1..=256))]
    pub clients: u16,
    /// Only variants whose name contains one of these; what they are compared with is measured too
    #[arg(long)]
    pub only: Vec<String>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Schedule {
    /// Envoy's processor time of a turn.
    #[must_use]
    pub fn turn(&self) -> Duration {
        Duration::from_millis(self.turn_ms.into())
    }
}
