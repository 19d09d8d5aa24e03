//! How an endpoint is chosen.

use std::time::Duration;

use crate::{model::problem::RowCheck, store::UpstreamRow};

/// How an endpoint is chosen for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balancing {
    /// One after the other.
    RoundRobin(SlowStart),
    /// The one of two that has fewer requests.
    LeastRequest(SlowStart),
    /// Any, whatever the weights.
    Random,
    /// By what the route hashes on, on a ring.
    RingHash,
    /// By what the route hashes on, in a table.
    Maglev,
}

/// For how long the share of a new endpoint grows: 1 ms to 1 h.
pub type SlowStart = Option<Duration>;

pub(super) fn parse(row: &UpstreamRow, check: &mut RowCheck<'_>) -> Option<Balancing> {
    let slow_start = match row.slow_start_ms {
        None => None,
        Some(time) => Some(Duration::from_millis(check.number("slow_start_ms", time, 1..=3_600_000)?.into())),
    };
    let balancing = match row.load_balancing.as_str() {
        "round_robin" => return Some(Balancing::RoundRobin(slow_start)),
        "least_request" => return Some(Balancing::LeastRequest(slow_start)),
        "random" => Balancing::Random,
        "ring_hash" => Balancing::RingHash,
        "maglev" => Balancing::Maglev,
        other => {
            let kinds = "round_robin, least_request, random, ring_hash or maglev";
            check.refuse("load_balancing", format!("'{other}' must be {kinds}"));
            return None;
        }
    };
    if slow_start.is_some() {
        let name = &row.load_balancing;
        check.refuse("slow_start_ms", format!("goes with round_robin and least_request, not with {name}"));
    }
    Some(balancing)
}
