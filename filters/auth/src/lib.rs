//! The auth filter of Ferrox: who may pass a route.
//!
//! A route's [`AuthPolicy`](ferrox_policy::auth::AuthPolicy) says what a request must bring: a bearer token
//! (JWT, RFC 7519) of a known provider, an API key of a known consumer, or either, and which scopes. The
//! filter decides with what it has, and calls nobody while a request waits. Keys of a provider that has them at a URL are
//! fetched beside the requests (`jwks`).
//!
//! Along the way of a request: `filter` finds the policy, `credentials` takes what the request brings, from each `place`,
//! `token` and `api_key` verify it, `decision` puts the two together, `answer` is what a refused client gets and
//! `badge` what the upstream gets.
//!
//! The control plane calls [`check`] before it sends a configuration, so that what it sends is accepted.

mod answer;
mod api_key;
mod badge;
mod claims;
mod credentials;
mod decision;
mod denial;
mod filter;
mod json;
mod jwk;
mod jwks;
mod jws;
mod key_set;
mod keys;
mod memory;
mod metrics;
mod passed_on;
mod place;
mod provider;
mod revoked;
mod token;
mod usage;
mod verifier;

pub use decision::check;
pub use filter::{Auth, Guard};

ferrox_host::plugin!(Auth);
