//! The gateway from end to end: the real Envoy, PostgreSQL and Redis, and the compiled filters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access_log;
mod actions;
mod auth;
mod authority;
mod breaker;
mod breaker_status;
mod cache;
mod changes;
mod failures;
mod grpc;
mod hostile;
mod jwks;
mod keys;
mod listeners;
mod load;
mod matching;
mod pool;
mod rate_limit;
mod redis;
mod revoke;
mod routing;
mod rows;
mod sharding;
mod standalone;
mod tls;
mod upstreams;
mod wire;
mod xds;
