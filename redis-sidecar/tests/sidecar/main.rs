//! The sidecar against a real Redis.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy.toml allows these in test functions, and all of this serves tests"
)]

mod algorithms;
mod cache;
mod cluster;
mod counting;
mod failures;
mod limits;
mod once;
mod process;
mod redis_cluster;
mod redis_server;
mod sentinel;
mod serving;
mod simulation;
mod testbed;
mod tls;
