//! The policies that a route can carry, and the configuration of the three filters.
//!
//! This crate is the one contract between the control plane and the filters: the control plane parses and
//! checks with the same code that the filters run, so a policy that was accepted is a policy that works.
//! It knows neither Envoy nor PostgreSQL.
//!
//! * [`auth`], [`rate_limit`], [`cache`]: one module for each filter, its policy for a route and its
//!   plugin configuration.
//! * [`identity`]: what auth verified, and how the later filters read it.
//! * [`key`]: the injective encoding of every key in Redis.
//! * [`network`]: networks of addresses.
//! * [`placement`]: how a filter finds the policy of a request.
//! * [`sidecar`]: the messages between the filters and the Redis sidecar.
//!
//! What a filter decided about a request it notes in the stream's filter state under its own name, for the access log.

pub mod auth;
pub mod cache;
pub mod identity;
mod invalid;
pub mod key;
pub mod network;
pub mod placement;
pub mod rate_limit;
#[cfg(feature = "schema")]
pub mod schema;
pub mod sidecar;

pub use invalid::{Check, Invalid, parse, parse_from};
