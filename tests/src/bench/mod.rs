//! What the benchmarks share that compare ways through one Envoy: listeners that take turns, and a table of ratios.
//!
//! One Envoy has a listener for each variant. The variants take turns in several rounds, so that whatever else the machine does
//! meets all of them, and what counts is the median of the rounds' ratios.

pub mod bed;
pub mod choice;
pub mod configuration;
pub mod limitador;
mod load;
pub mod schedule;
pub mod table;
pub mod turns;

/// Why a measurement could not go on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a program asks of an API. `more` are headers, each with its line break.
#[must_use]
pub fn request(more: &str) -> Vec<u8> {
    let headers = "host: api.example.com\r\nuser-agent: bench/1.0\r\naccept: application/json\r\n\
                   accept-encoding: gzip, br\r\ncontent-type: application/json\r\n";
    format!("GET /orders/17?fields=all HTTP/1.1\r\n{headers}{more}\r\n").into_bytes()
}
