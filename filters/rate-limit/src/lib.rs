//! The rate-limit filter: how much may pass.
//!
//! The counts are in Redis, behind the sidecar, and every request with limits asks it once. What the filter does
//! when it gets no answer is each limit's own choice (`ferrox_policy::rate_limit::OnStoreFailure`).
//!
//! The filter stands twice in the chain, once for each `ferrox_policy::rate_limit::Stage`, and an instance
//! decides only the limits of its stage.
//!
//! * `rules`: the limits of a request, from its route or from the configuration.
//! * `holds`: those of them that hold for it.
//! * `client`, `request`, `network`: whose request it is.
//! * `keys`, `parts`: what a limit counts under.
//! * `known`: what is over its limit for some time, so that nobody is asked.
//! * `leases`: tokens that are given out without a question.
//! * `decision`: what becomes of a request. Pure.
//! * `local`: the counts of this worker, for when the store does not answer.
//! * `under_way`: requests that count until they end.
//! * `store`: what is sent to the sidecar, and whether anything is.
//! * `answer`: what the client is told.
//! * `stats`: what the operator is told.
//! * `filter`: the shell between Envoy and these.

mod answer;
mod client;
mod decision;
mod filter;
mod holds;
mod keys;
mod known;
mod leases;
mod local;
mod network;
mod parts;
mod request;
mod rules;
mod stats;
mod store;
mod under_way;

pub use filter::{RateLimit, RateLimitStream};

ferrox_host::plugin!(RateLimit);
